# MiSLAS, first run: mixup; the mislas overlay comes after it. Zhong et al., CVPR 2021, arXiv:2104.00466.
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
_cifar = {
    'optim_wrapper.optimizer.weight_decay': 5e-4,
    'param_scheduler': [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
                        dict(type='MultiStepLR', milestones=[160, 180], gamma=0.1)],
}
_imagenet = {
    'model.backbone': dict(_delete_=True, type='ResNet', depth=50),
    'model.head.in_channels': 2048,
    'model.train_cfg.augments.alpha': 0.2,
    'optim_wrapper.optimizer': dict(lr=0.1, weight_decay=5e-4),
    'param_scheduler': [dict(type='CosineAnnealingLR', T_max=180, by_epoch=True, convert_to_iter_based=True)],
    'train_cfg': dict(max_epochs=180, val_interval=10),
    'auto_scale_lr.base_batch_size': 256,
}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_imagenet)
