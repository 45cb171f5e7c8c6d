_base_ = '../../ce_cifar100_lt.py'
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
    dict(type='MultiStepLR', milestones=[100, 160, 180], gamma=0.01),
]
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=100, loss=dict(type='InfluenceBalancedLoss'))])
)
