# Learnable weight scaling (LWS) of a trained model: one scale a class. Kang et al., ICLR 2020, arXiv:1910.09217.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
auto_scale_lr = None
train_dataloader = dict(sampler=dict(type='ClassCycleSampler', samples_per_class=4))
model = dict(head=dict(classifier=dict(type='LWSLinear')))
default_hooks = dict(
    stages=dict(_delete_=True, type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
