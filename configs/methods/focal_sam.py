# Sharpness-aware minimization, more of it for rare classes. Li et al., ICML 2025, arXiv:2505.01660.
optim_wrapper = dict(type='SAMOptimWrapper', rho=0.3, form='focal', sharpness=0.8, gamma=3.2)
model = dict(head=dict(type='LongTailClsHead'))
_cifar10 = dict(optim_wrapper=dict(rho=0.2, sharpness=0.5, gamma=3.0))
tuned = dict(cifar10_lt=_cifar10, cifar10_lt_mini=_cifar10)
