# Balanced softmax with mixup: mmlt's own, after Ren et al., NeurIPS 2020, arXiv:2007.10740.
model = dict(head=dict(loss=dict(type='BalancedSoftmaxLoss')), train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
# chosen on a third of CIFAR-100-LT's training images, held out
_cifar = {
    'optim_wrapper.optimizer.weight_decay': 1e-3,
    'param_scheduler': [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=True),
                        dict(type='CosineAnnealingLR', by_epoch=True, begin=5, end='{{train_cfg.max_epochs}}',
                             convert_to_iter_based=True)]}
_large = {'model.train_cfg.augments.alpha': 0.2}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_large, inat2018=_large)
