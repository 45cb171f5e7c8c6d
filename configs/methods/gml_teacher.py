# The teacher of GML: a deeper network, cosine classifier, logit adjustment. Suh and Seo, ICML 2023, arXiv:2305.01160.
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(type='LogitAdjustLoss')))
_plain = '{{train_dataloader.dataset.pipeline}}'
_auto = [dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]
_rand = [dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=10, magnitude_std=0.5)]
# as released: the warm-up goes on to 0.12 in the sixth epoch, then 0.1; drops in epochs 162 and 182, counted from 1
_cifar = {
    'model.backbone.depth': 56,
    'train_dataloader.dataset.pipeline': [dict(type='RepeatPipeline', num_views=1, views=[_auto], pipeline=_plain)],
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.12, momentum=0.9, weight_decay=5e-4, nesterov=False),
    'param_scheduler': [dict(type='LinearLR', start_factor=1 / 6, by_epoch=True, end=6),
                        dict(type='MultiStepLR', milestones=[6], gamma=1 / 1.2),
                        dict(type='MultiStepLR', milestones=[161, 181], gamma=0.1)],
}
_imagenet = {
    'model.backbone': dict(type='ResNeXt', depth=101, groups=32, width_per_group=8),
    'model.head.in_channels': 2048, 'train_dataloader.batch_size': 128, 'train_cfg.max_epochs': 90,
    'train_dataloader.dataset.pipeline': [dict(type='RepeatPipeline', num_views=1, views=[_rand], pipeline=_plain)],
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=False),
    'param_scheduler': [dict(type='CosineAnnealingLR', T_max=90)], 'auto_scale_lr.base_batch_size': 128,
}
# 45 epochs are too few for AutoAugment: the mini pack goes without
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_imagenet, cifar10_lt_mini={'model.backbone.depth': 56})
