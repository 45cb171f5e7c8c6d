# Progressively balanced sampling late in the run, with the share that it has by then. Zhang et al., AAAI 2021.
_whole = dict(type='ProgressivelyBalancedSampler', max_epochs='{{train_cfg.max_epochs}}')
_stage = dict(begin=0.8, sampler=dict(type='StagedSampler', stages=[dict(begin=0, sampler=_whole)]))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
