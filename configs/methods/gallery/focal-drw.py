# Focal loss on sigmoids, late in the run with weights n_min / n. Lin et al., ICCV 2017, arXiv:1708.02002.
model = dict(head=dict(loss=dict(type='ClassBalancedLoss', base='focal', beta=0.0, gamma=2.0)))
_stage = dict(begin=0.8, loss=dict(type='ClassBalancedLoss', base='focal', beta=1.0, gamma=2.0, loss_weight=0.25))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
# the mean of n_min / n
_loss = 'default_hooks.stages.stages.0.loss'
tuned = {
    'cifar10_lt': {_loss: dict(loss_weight=0.2485)},
    'cifar10_lt/50': {_loss: dict(loss_weight=0.2804)},
    'cifar10_lt_mini': {_loss: dict(loss_weight=0.2831)},
    'cifar100_lt': {_loss: dict(loss_weight=0.2282)},
    'cifar100_lt/50': {_loss: dict(loss_weight=0.2594)},
}
