# Cross entropy, late in the run effective number of samples. Cui et al., CVPR 2019, arXiv:1901.05555.
_stage = dict(begin=0.8, loss=dict(type='ClassBalancedLoss', beta=0.9999))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
_loss = 'default_hooks.stages.stages.0.loss'
tuned = {
    'cifar100_lt': {_loss: dict(beta=0.9)},
}
