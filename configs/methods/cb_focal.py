# Class-balanced focal loss; each sigmoid starts at 1 / C. Cui et al., CVPR 2019, arXiv:1901.05555.
_init = dict(type='Normal', layer='Linear', std=0.01, bias_prob=0.01)
_loss = dict(type='ClassBalancedLoss', base='focal', beta=0.9999, gamma=1.0)
model = dict(head=dict(init_cfg=_init, loss=_loss))
tuned = dict(cifar100_lt={'model.head.loss.beta': 0.9})
