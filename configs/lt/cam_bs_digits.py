_base_ = 'ce_digits.py'
# CAM-based sampling (Zhang et al., AAAI 2021): from epoch 26 on class-balanced images with transformed foregrounds
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[
            dict(begin=26, sampler=dict(type='ClassBalancedSampler'), cam=dict(kinds=('translate', 'rotate', 'scale')))
        ],
    )
)
