# ResLT: branches for all, for medium and rare, and for rare classes. Cui et al., TPAMI 2022, arXiv:2101.10633.
model = dict(
    backbone=dict(_delete_=True, type='ResidualBranches', backbone='{{model.backbone}}',
                  channels='{{model.head.in_channels}}'),
    head=dict(type='ResidualClsHead', loss=dict(type='ResLTLoss', beta=0.995, shares=(0.65, 0.3))))
_cifar = {'optim_wrapper.optimizer.weight_decay': 5e-4, 'param_scheduler': [
    dict(type='LinearLR', start_factor=7 / 15, by_epoch=True, end=5), dict(type='MultiStepLR', milestones=[160, 180])]}
_large = {'model.backbone.backbone': dict(_delete_=True, type='ResNeXt', depth=50), 'model.backbone.channels': 2048,
          'model.head.in_channels': 2048, 'model.head.loss': dict(beta=0.99, shares=(0.825, 0.22)),
          'optim_wrapper.optimizer.weight_decay': 5e-4}
tuned = dict(cifar10_lt={**_cifar, 'model.head.loss.shares': (0.8, 0.6)}, cifar100_lt=_cifar, imagenet_lt=_large)
