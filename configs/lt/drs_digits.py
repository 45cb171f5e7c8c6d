_base_ = 'ce_digits.py'
# deferred re-sampling: class-balanced from epoch 26 on
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=26, sampler=dict(type='ClassBalancedSampler'))])
)
