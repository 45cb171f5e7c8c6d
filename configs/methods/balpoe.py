# Balanced product of calibrated experts, with mixup. Sanchez Aimar et al., CVPR 2023, arXiv:2206.05260.
model = dict(
    backbone=dict(_delete_=True, type='MultiExpertBackbone', backbone='{{model.backbone}}', reduce=False),
    head=dict(type='MultiExpertClsHead', classifier=dict(type='CosineLinear', scale=30.0),
              loss=dict(type='BalPoELoss')),
    train_cfg=dict(augments=dict(type='Mixup', alpha=0.4)))
_mixup = 'model.train_cfg.augments.alpha'
_mini = {'optim_wrapper.optimizer.weight_decay': 5e-4, _mixup: 0.8}
_cifar10 = {**_mini, 'param_scheduler.1.gamma': 0.1}
_cosine = dict(type='CosineAnnealingLR', by_epoch=True)
tuned = dict(
    cifar10_lt_mini=_mini, cifar10_lt=_cifar10, cifar100_lt={**_cifar10, _mixup: 0.4},
    imagenet_lt={  # as released, save taus (0, 1.25, 2.5), whose mean is not 1
        'model.backbone.backbone': dict(_delete_=True, type='ResNeXt', depth=50), 'model.head.in_channels': 2048,
        _mixup: 0.3, 'train_cfg.max_epochs': 180, 'train_dataloader.batch_size': 64,
        'auto_scale_lr.base_batch_size': 64,
        'optim_wrapper.optimizer': dict(lr=0.025, weight_decay=5e-4), 'param_scheduler': [dict(_cosine, T_max=180)]},
    inat2018={_mixup: 0.2, 'model.head.loss.taus': (-1., 1., 3.), 'param_scheduler': [dict(_cosine, T_max=100)],
              'optim_wrapper.optimizer.weight_decay': 2e-4})
