# Cross entropy, late in the run with weights n_min / n. Zhang et al., AAAI 2021.
_stage = dict(begin=0.8, loss=dict(type='CostSensitiveLoss'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
