# Mixup, at last without it. Zhang et al., ICLR 2018, arXiv:1710.09412.
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0.9, batch_augments=None)]))
# on CIFAR twice the epochs, as its authors did, and 20 more
_rates = [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
          dict(type='MultiStepLR', milestones=[320, 360], gamma=0.01),
          dict(type='MultiStepLR', milestones=[408, 416], gamma=0.1)]
_long = {'train_cfg.max_epochs': 420, 'param_scheduler': _rates,
         'default_hooks.stages.stages': {'0': dict(begin=400, lr=0.001)}}
tuned = dict(cifar10_lt=_long, cifar100_lt=_long)
