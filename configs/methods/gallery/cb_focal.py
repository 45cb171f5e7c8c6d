# Class-balanced focal loss on sigmoids. Cui et al., CVPR 2019, arXiv:1901.05555.
model = dict(head=dict(loss=dict(type='ClassBalancedLoss', base='focal', beta=0.9999, gamma=1.0)))
_loss = 'model.head.loss'
tuned = {
    'cifar10_lt/50': {_loss: dict(gamma=2.0)},
    'cifar10_lt_mini': {_loss: dict(gamma=2.0)},
    'cifar100_lt': {_loss: dict(beta=0.9)},
    'cifar100_lt/50': {_loss: dict(beta=0.99)},
}
