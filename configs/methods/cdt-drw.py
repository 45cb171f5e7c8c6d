# Cross entropy, late in the run class-dependent temperatures. Ye et al., 2020, arXiv:2001.01385.
_stage = dict(begin=0.8, loss=dict(type='CDTLoss', gamma=0.2))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
