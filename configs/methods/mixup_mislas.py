# MiSLAS, first run: mixup; the mislas overlay comes after it. Zhong et al., CVPR 2021, arXiv:2104.00466.
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
_cifar = {
    'optim_wrapper.optimizer.weight_decay': 5e-4,
    'param_scheduler': [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
                        dict(type='MultiStepLR', milestones=[160, 180], gamma=0.1)],
}
_large = {'model.train_cfg.augments.alpha': 0.2, 'auto_scale_lr.base_batch_size': 256}
_cosine = dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
_imagenet = {
    **_large,
    'model.backbone': dict(_delete_=True, type='ResNet', depth=50),
    'model.head.in_channels': 2048,
    'optim_wrapper.optimizer': dict(lr=0.1, weight_decay=5e-4),
    'param_scheduler': [dict(_cosine, T_max=180)],
    'train_cfg': dict(max_epochs=180, val_interval=10),
}
_inat = {**_large, 'optim_wrapper.optimizer': dict(lr=0.1, weight_decay=1e-4),
         'param_scheduler': [dict(_cosine, T_max=200)], 'train_cfg': dict(max_epochs=200, val_interval=10)}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_imagenet, inat2018=_inat)
