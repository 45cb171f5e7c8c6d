# Focal loss on sigmoids, late in the run with class-balanced weights. Cui et al., CVPR 2019, arXiv:1901.05555.
model = dict(head=dict(loss=dict(type='ClassBalancedLoss', base='focal', beta=0.0, gamma=1.0)))
_stage = dict(begin=0.8, loss=dict(type='ClassBalancedLoss', base='focal', beta=0.9999, gamma=1.0))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
_first, _late = 'model.head.loss', 'default_hooks.stages.stages.0.loss'
tuned = {
    'cifar10_lt/50': {_first: dict(gamma=2.0), _late: dict(gamma=2.0)},
    'cifar10_lt_mini': {_first: dict(gamma=2.0), _late: dict(gamma=2.0)},
    'cifar100_lt': {_late: dict(beta=0.9)},
    'cifar100_lt/50': {_late: dict(beta=0.99)},
}
