# Cross entropy, from half of the run influence-balanced loss, small rate. Park et al., ICCV 2021, arXiv:2110.02444.
param_scheduler = dict(_append_=[dict(type='MultiStepLR', milestones=['{{train_cfg.max_epochs // 2}}'], gamma=0.01)])
_stage = dict(begin=0.5, loss=dict(type='InfluenceBalancedLoss'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
_cifar = [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
          dict(type='MultiStepLR', milestones=[100, 160, 180], gamma=0.01)]
tuned = dict(cifar10_lt=dict(param_scheduler=_cifar), cifar100_lt=dict(param_scheduler=_cifar))
