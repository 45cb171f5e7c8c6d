_base_ = '../../ce_cifar10_lt.py'
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=160, loss=dict(type='ClassBalancedLoss', beta=0.9999))])
)
