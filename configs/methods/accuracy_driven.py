# Late in the run classes are drawn by their errors in training; mmlt's own, after VideoLT, ICCV 2021, arXiv:2105.02668.
_stage = dict(begin=0.8, sampler=dict(type='AccuracyDrivenSampler'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
custom_hooks = [dict(type='ClassAccuracyHook')]
