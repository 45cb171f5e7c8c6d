# Square-root sampling with transformed foregrounds late in the run. Zhang et al., AAAI 2021.
_stage = dict(begin=0.8, sampler=dict(type='SquareRootSampler'), cam=dict())
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
