_base_ = 'ce_cifar10_lt_mini.py'
# CAM-based sampling (Zhang et al., AAAI 2021): from epoch 33 on class-balanced images with transformed foregrounds
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=33, sampler=dict(type='ClassBalancedSampler'), cam=dict())])
)
