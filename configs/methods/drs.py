# Deferred re-sampling: class-balanced late in the run. Cao et al., NeurIPS 2019, arXiv:1906.07413.
_stage = dict(begin=0.8, sampler=dict(type='ClassBalancedSampler'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
