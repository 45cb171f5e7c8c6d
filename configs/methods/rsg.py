# RSG, maps of rare classes made from frequent ones, with LDAM-DRW. Wang et al., CVPR 2021, arXiv:2106.09859. On large
# sets class-balanced draws instead of weights.
_base_ = 'ldam-drw.py'
model = dict(type='RSGClassifier')
_drw = dict(type='LDAMLoss', class_weight='effective', avg='weight')
default_hooks = dict(stages=dict(stages=[dict(begin=0.8, rare_samples=True, loss=_drw)]))
find_unused_parameters = True
_rise = dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False)
_steps = dict(type='MultiStepLR', gamma=0.1)
_sgd = dict(type='SGD', lr=0.1, momentum=0.9, nesterov=False)
_late = 'default_hooks.stages.stages'
_stage = dict(begin=0.8, rare_samples=True, sampler=dict(type='ClassBalancedSampler'))
_large = {'train_dataloader.batch_size': 256, 'auto_scale_lr.base_batch_size': 256, 'model.head.in_channels': 2048}
_imagenet = {**_large, 'model.backbone': dict(type='ResNeXt', depth=50), 'model.head.loss.max_margin': 0.3,
             _late: [_stage], 'train_cfg.max_epochs': 100, 'optim_wrapper.optimizer': dict(_sgd, weight_decay=2e-4),
             'param_scheduler': [_rise, dict(_steps, milestones=[59, 79, 94])]}
_inat = {**_large, 'model.backbone': dict(type='ResNet', depth=50), 'model.head.classifier.scale': 50.0,
         'model.head.loss': dict(type='LDAMLoss', max_margin=0.1, scale=50.0), _late: [dict(_stage, begin=140)],
         'train_cfg.max_epochs': 180, 'optim_wrapper.optimizer': dict(_sgd, weight_decay=5e-5),
         'param_scheduler': [_rise, dict(_steps, milestones=[99, 139, 169])]}
_places = {'model.head.classifier.scale': 50.0, 'model.head.loss': dict(type='LDAMLoss', max_margin=0.2, scale=50.0),
           _late: [dict(_stage, begin=10)], 'param_scheduler': [dict(_steps, milestones=[9, 19])],
           'optim_wrapper': dict(optimizer=dict(_sgd, lr=0.01, weight_decay=1e-4), paramwise_cfg=None)}
tuned = dict(imagenet_lt=_imagenet, inat2018=_inat, places_lt=_places)
