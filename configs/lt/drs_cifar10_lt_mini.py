_base_ = 'ce_cifar10_lt_mini.py'
# deferred re-sampling: class-balanced from epoch 28 on
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=28, sampler=dict(type='ClassBalancedSampler'))])
)
