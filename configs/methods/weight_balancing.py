# Weight balancing, second stage on a model trained with decay 5e-3. Alshammari et al., CVPR 2022, arXiv:2203.14197.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.1))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
auto_scale_lr = None
model = dict(head=dict(loss=dict(type='ClassBalancedLoss', beta=0.9999)))
custom_hooks = [dict(type='MaxNormHook', path='head.fc')]
default_hooks = dict(
    stages=dict(_delete_=True, type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
