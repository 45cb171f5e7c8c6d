_base_ = 'ce_cifar100_lt.py'
# CAM-based sampling (Zhang et al., AAAI 2021): from epoch 160 on class-balanced images with transformed foregrounds
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=160, sampler=dict(type='ClassBalancedSampler'), cam=dict())])
)
