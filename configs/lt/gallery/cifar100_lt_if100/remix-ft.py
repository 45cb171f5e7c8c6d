_base_ = '../../ce_cifar100_lt.py'
train_cfg = dict(max_epochs=420)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
    dict(type='MultiStepLR', milestones=[320, 360], gamma=0.01),
    dict(type='MultiStepLR', milestones=[408, 416], gamma=0.1),
]
model = dict(train_cfg=dict(augments=dict(type='Remix', alpha=1.0)))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=400, lr=0.001, batch_augments=None)]))
