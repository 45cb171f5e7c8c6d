_base_ = 'ce_cifar100_lt.py'
# deferred re-sampling: class-balanced from epoch 160 on
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=160, sampler=dict(type='ClassBalancedSampler'))])
)
