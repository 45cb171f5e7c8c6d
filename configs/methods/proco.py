# Probabilistic contrast. Du et al., TPAMI 2024, arXiv:2403.06726.
_base_ = '../_base_/contrast_views.py'
model = dict(type='ContrastiveClassifier', dim=128, hidden=512, contrast_weight=1.0,
             contrast=dict(type='ProCoLoss', temperature=0.1), head=dict(loss=dict(type='LogitAdjustLoss')))
_sgd = dict(type='SGD', lr=0.3, momentum=0.9, weight_decay=2e-4, nesterov=False)
_cifar = {'train_dataloader.batch_size': 256, 'optim_wrapper.optimizer': _sgd,
          'param_scheduler': {'1': dict(type='MultiStepLR', milestones=[160, 180], gamma=0.1)}}
_large = {
    'model.backbone': dict(type='ResNet', depth=50), 'model.head.in_channels': 2048,
    'model.head.classifier': dict(type='CosineLinear', scale=30.0), 'model.dim': 1024, 'model.hidden': 2048,
    'model.contrast.temperature': 0.07, 'train_dataloader.batch_size': 256, 'auto_scale_lr.base_batch_size': 256,
    'train_cfg.max_epochs': 90, 'optim_wrapper.optimizer': dict(_sgd, lr=0.1, weight_decay=5e-4),
    'param_scheduler': [dict(type='CosineAnnealingLR', T_max=90)],
}
_inat = {'optim_wrapper.optimizer': dict(_sgd, lr=0.2, weight_decay=1e-4)}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_large, inat2018={**_large, **_inat})
