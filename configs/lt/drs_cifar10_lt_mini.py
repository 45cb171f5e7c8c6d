_base_ = 'ce_cifar10_lt_mini.py'
# deferred re-sampling: class-balanced from epoch 33 on
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=33, sampler=dict(type='ClassBalancedSampler'))])
)
