# Cross entropy, late in the run class-balanced focal loss. Cui et al., CVPR 2019, arXiv:1901.05555.
_stage = dict(begin=0.8, loss=dict(type='ClassBalancedLoss', base='focal', beta=0.9999, gamma=1.0))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
tuned = dict(cifar100_lt={'default_hooks.stages.stages.0.loss.beta': 0.9})
