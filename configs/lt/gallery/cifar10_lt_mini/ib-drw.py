_base_ = '../../ce_cifar10_lt_mini.py'
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, end=3),
    dict(type='MultiStepLR', milestones=[22, 33, 40], gamma=0.1),
]
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=22, loss=dict(type='InfluenceBalancedLoss'))])
)
