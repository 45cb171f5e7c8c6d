_base_ = 'ce_places_lt.py'
# deferred re-sampling: class-balanced from epoch 24 on
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=24, sampler=dict(type='ClassBalancedSampler'))])
)
