# Nested collaborative learning of three networks. Li et al., CVPR 2022, arXiv:2203.15359.
model = dict(backbone=dict(_delete_=True, type='ExpertNetworks', backbone='{{model.backbone}}'),
             head=dict(type='MultiExpertClsHead', loss=dict(type='NCLLoss')))
_auto = [dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]
_cifar = {
    'train_dataloader.dataset.pipeline': [dict(type='RepeatPipeline', num_views=1, views=[_auto],
                                               pipeline='{{train_dataloader.dataset.pipeline}}')],
    'train_dataloader.batch_size': 64, 'train_cfg.max_epochs': 400, 'param_scheduler.1': dict(
        type='MultiStepLR', milestones=[320, 360], gamma=0.1)}
_large = {
    'model.backbone.backbone': dict(_delete_=True, type='ResNet', depth=50), 'model.head.in_channels': 2048,
    'model.head.classifier': dict(type='CosineLinear', scale=16.0), 'train_dataloader.batch_size': 256,
    'auto_scale_lr.base_batch_size': 256, 'train_cfg.max_epochs': 200,
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=2e-4, nesterov=False),
    'param_scheduler': [dict(type='CosineAnnealingLR', T_max=200)]}
_inat = {'model.head.classifier.scale': 32.0, 'train_cfg.max_epochs': 400,
         'param_scheduler': [dict(type='CosineAnnealingLR', T_max=400)]}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_large, inat2018={**_large, **_inat})
