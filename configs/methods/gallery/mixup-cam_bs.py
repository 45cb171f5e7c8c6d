# Mixup; CAM-based sampling late in the run. Zhang et al., AAAI 2021.
_base_ = 'mixup.py'
_stage = dict(begin=0.8, sampler=dict(type='ClassBalancedSampler'), cam=dict())
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
