# Cross entropy, late in the run with weights n_min / n (DRW). Cao et al., NeurIPS 2019, arXiv:1906.07413.
_stage = dict(begin=0.8, loss=dict(type='CostSensitiveLoss'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
