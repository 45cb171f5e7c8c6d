_base_ = '../../ce_cifar10_lt_mini.py'
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=33, loss=dict(type='ClassBalancedLoss', beta=0.9999))])
)
