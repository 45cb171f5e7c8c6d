# Cross entropy, late in the run effective number of samples. Cui et al., CVPR 2019, arXiv:1901.05555.
_stage = dict(begin=0.8, loss=dict(type='ClassBalancedLoss', beta=0.9999))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
tuned = dict(cifar100_lt={'default_hooks.stages.stages.0.loss.beta': 0.9})
