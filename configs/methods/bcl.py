# Balanced contrastive learning. Zhu et al., CVPR 2022, arXiv:2207.09052. No code was released for CIFAR: the weights
# are those of a reproduction, the views are ProCo's. Cosine from the base learning rate on, released one epoch ahead.
_base_ = '../_base_/contrast_views.py'
model = dict(type='ContrastiveClassifier', dim=128, hidden=512, contrast_weight=0.6, cls_weight=2.0,
             contrast=dict(type='BalancedContrastiveLoss', temperature=0.1),
             head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(type='LogitAdjustLoss')))
_sgd = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=False)
_large = {
    'model.backbone': dict(type='ResNeXt', depth=50), 'model.head.in_channels': 2048,
    'model.dim': 1024, 'model.hidden': 2048, 'model.contrast.temperature': 0.07, 'model.contrast_weight': 0.35,
    'model.cls_weight': 1.0, 'train_dataloader.batch_size': 256, 'auto_scale_lr.base_batch_size': 256,
    'train_cfg.max_epochs': 90, 'optim_wrapper.optimizer': _sgd,
    'param_scheduler': [dict(type='CosineAnnealingLR', T_max=90)],
}
_inat = {'model.backbone': dict(type='ResNet', depth=50), 'train_cfg.max_epochs': 100,
         'optim_wrapper.optimizer': dict(_sgd, lr=0.2, weight_decay=1e-4),
         'param_scheduler': [dict(type='CosineAnnealingLR', T_max=100)]}
tuned = dict(imagenet_lt=_large, inat2018={**_large, **_inat})
