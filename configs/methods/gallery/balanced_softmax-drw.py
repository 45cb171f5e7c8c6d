# Cross entropy, late in the run balanced softmax. Ren et al., NeurIPS 2020, arXiv:2007.10740.
_stage = dict(begin=0.8, loss=dict(type='BalancedSoftmaxLoss'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
