_base_ = 'ce_imagenet_lt.py'
# deferred re-sampling: class-balanced from epoch 80 on
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=80, sampler=dict(type='ClassBalancedSampler'))])
)
