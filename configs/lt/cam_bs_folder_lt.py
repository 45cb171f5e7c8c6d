_base_ = 'ce_folder_lt.py'
# CAM-based sampling (Zhang et al., AAAI 2021): from epoch 80 on class-balanced images with transformed foregrounds
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=80, sampler=dict(type='ClassBalancedSampler'), cam={})])
)
