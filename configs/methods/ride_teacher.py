# RIDE with six experts, the teacher of ride_distill. Wang et al., ICLR 2021, arXiv:2010.01809.
_base_ = 'ride.py'
model = dict(backbone=dict(num_experts=6), head=dict(num_experts=6))
_cifar = {'model.head.loss.diversity': -0.1, 'default_hooks.stages.stages.0.loss.diversity': -0.1}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, cifar10_lt_mini=_cifar, digits=_cifar)
