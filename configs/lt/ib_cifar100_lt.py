_base_ = 'ce_cifar100_lt.py'
# cross entropy, then from epoch 100 on influence-balanced loss (Park et al., ICCV 2021)
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=100, loss=dict(type='InfluenceBalancedLoss'))])
)
