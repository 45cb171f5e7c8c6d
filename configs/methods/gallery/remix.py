# Remix. Chou et al., ECCVW 2020, arXiv:2007.03943.
model = dict(train_cfg=dict(augments=dict(type='Remix', alpha=1.0)))
# on CIFAR twice the epochs, as its authors did
_rates = [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
          dict(type='MultiStepLR', milestones=[320, 360], gamma=0.01)]
_long = {'train_cfg.max_epochs': 400, 'param_scheduler': _rates}
tuned = dict(cifar10_lt=_long, cifar100_lt=_long)
