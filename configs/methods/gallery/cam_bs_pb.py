# CAM-based sampling that starts late and goes from plain to balanced. Zhang et al., AAAI 2021.
_sampler = dict(type='ProgressivelyBalancedSampler', max_epochs='{{epochs_left}}')
_stage = dict(begin=0.8, sampler=_sampler, cam=dict())
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
