# PaCo, parametric contrast. Cui et al., ICCV 2021, arXiv:2107.12028.
_base_ = '../_base_/paco_views.py'
model = dict(type='PaCoClassifier', dim=32, queue_length=1024,
             contrast=dict(type='PaCoLoss', temperature=0.05, alpha=0.01))
_sgd = dict(type='SGD', lr=0.055, momentum=0.9, weight_decay=5e-4, nesterov=False)
_ten = {'model.contrast.alpha': 0.001}  # of 10 classes ten times as many keys are one's own
_cifar = {'train_cfg.max_epochs': 400, 'optim_wrapper.optimizer': _sgd, 'param_scheduler': [
    dict(type='LinearLR', start_factor=1 / 11, by_epoch=True, end=11),
    dict(type='MultiStepLR', milestones=[11], gamma=1 / 1.1),
    dict(type='MultiStepLR', milestones=[321, 361], gamma=0.1)]}
_large = {
    'model.backbone': dict(type='ResNeXt', depth=50), 'model.head.in_channels': 2048, 'model.dim': 128,
    'model.queue_length': 8192, 'model.contrast': dict(type='PaCoLoss', temperature=0.07, alpha=0.05),
    'train_dataloader.batch_size': 128, 'auto_scale_lr.base_batch_size': 128, 'train_cfg.max_epochs': 400,
    'optim_wrapper.optimizer': dict(_sgd, lr=0.02), 'param_scheduler': [
        dict(type='LinearLR', start_factor=0.1, by_epoch=True, end=10),
        dict(type='CosineAnnealingLR', T_max=391, begin=9)]}
_inat = {'model.backbone': dict(type='ResNet', depth=50), 'model.contrast.temperature': 0.2,
         'optim_wrapper.optimizer': dict(_sgd, lr=0.02, weight_decay=1e-4)}
tuned = dict(cifar10_lt={**_cifar, **_ten}, cifar100_lt=_cifar, cifar10_lt_mini=_ten,
             digits={'model.queue_length': 128}, imagenet_lt=_large, inat2018={**_large, **_inat},
             places_lt={'model.queue_length': 8192, 'model.dim': 128, 'model.contrast.alpha': 0.02})
