# GLMC: two mixtures that agree, two classifiers. Du et al., CVPR 2023, arXiv:2305.08661. On CIFAR the released network
# is four times as wide as the ResNet-32 of the other tables.
model = dict(type='GLMCClassifier')
default_hooks = dict(partners=dict(type='PartnerHook'))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='RepeatPipeline', num_views=2, pipeline='{{train_dataloader.dataset.pipeline}}')]))
_sgd = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=2e-4, nesterov=False)
_cosine = dict(type='CosineAnnealingLR')
_rise = dict(type='LinearLR', start_factor=0.1, end=10)
_cifar = {'model.backbone.base_channels': 64, 'model.head.in_channels': 256, 'train_dataloader.batch_size': 64,
          'optim_wrapper.optimizer': dict(_sgd, lr=0.01, weight_decay=5e-3),
          'param_scheduler': [dict(_cosine, T_max=200)]}
_large = {
    'model.backbone': dict(type='ResNeXt', depth=50), 'model.head.in_channels': 2048,
    'model.label_weighting': 1.0, 'model.partner_power': 0.8, 'model.contrast_weight': 10.0,
    'train_dataloader.batch_size': 120, 'auto_scale_lr.base_batch_size': 120, 'train_cfg.max_epochs': 135,
    'optim_wrapper.optimizer': _sgd, 'param_scheduler': [_rise, dict(_cosine, begin=10, T_max=126)]}
_inat = {'train_dataloader.batch_size': 128, 'auto_scale_lr.base_batch_size': 128, 'train_cfg.max_epochs': 120,
         'param_scheduler.1.T_max': 111, 'optim_wrapper.optimizer': dict(_sgd, weight_decay=1e-4)}
_half = {'model.partner_power': 0.8, 'model.contrast_weight': 6.0}
_even = {'model.partner_power': 0.8, 'model.label_weighting': 1.0, 'model.contrast_weight': 2.0}
_mini = {'model.contrast_weight': 1.0, 'optim_wrapper.optimizer': dict(lr=0.01, weight_decay=5e-3)}
tuned = {'cifar10_lt_mini': _mini, 'cifar10_lt': {**_cifar, 'model.contrast_weight': 1.0}, 'cifar10_lt/10': _even,
         'cifar100_lt': _cifar, 'cifar100_lt/50': _half, 'cifar100_lt/10': {'model.partner_power': 0.8},
         'imagenet_lt': _large, 'inat2018': {**_large, **_inat}}
