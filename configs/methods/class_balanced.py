# Effective number of samples. Cui et al., CVPR 2019, arXiv:1901.05555.
model = dict(head=dict(loss=dict(type='ClassBalancedLoss', beta=0.9999)))
tuned = dict(cifar100_lt={'model.head.loss.beta': 0.9})
