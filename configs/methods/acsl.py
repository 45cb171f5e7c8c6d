# Cross entropy, late in the run adaptive class suppression. Wang et al., CVPR 2021, arXiv:2104.00885.
_stage = dict(begin=0.8, loss=dict(type='AdaptiveClassSuppressionLoss'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
