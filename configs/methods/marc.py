# MARC on a trained model: a scale and a margin a class, re-weighted. Wang et al., ACML 2022, arXiv:2112.07225.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
auto_scale_lr = None
model = dict(head=dict(classifier=dict(type='MARCLinear'), loss=dict(type='GeneralizedReweightLoss', rho=1.2)))
default_hooks = dict(
    stages=dict(_delete_=True, type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
