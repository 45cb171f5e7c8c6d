# Effective number of samples. Cui et al., CVPR 2019, arXiv:1901.05555.
model = dict(head=dict(loss=dict(type='ClassBalancedLoss', beta=0.9999)))
_loss = 'model.head.loss'
tuned = {
    'cifar100_lt': {_loss: dict(beta=0.9)},
}
