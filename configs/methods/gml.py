# GML, the mixture likelihood of a teacher's features. Suh and Seo, ICML 2023, arXiv:2305.01160. After gml_teacher.
_base_ = '../_base_/gml_views.py'
_run = 'work_dirs/gml_teacher_{{data_name}}'
_teacher = dict(config=_run + '/gml_teacher_{{data_name}}.py', checkpoint=_run + '/epoch_{{train_cfg.max_epochs}}.pth')
_head = dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(type='LogitAdjustLoss'))
model = dict(type='GMLClassifier', teacher=_teacher, queue=dict(length=4096, min_size=2), head=_head)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(log_temperature=dict(decay_mult=0.0))))
_sgd = dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=False)
_cifar = {'optim_wrapper.optimizer': dict(_sgd, lr=0.12), 'param_scheduler': [
    dict(type='LinearLR', start_factor=1 / 6, by_epoch=True, end=6),
    dict(type='MultiStepLR', milestones=[6], gamma=1 / 1.2),
    dict(type='MultiStepLR', milestones=[161, 181], gamma=0.1)]}
_imagenet = {
    'model.backbone': dict(type='ResNeXt', depth=50), 'model.head.in_channels': 2048,
    'model.queue': dict(length=16384, min_size=3), 'model.temperature': 0.07, 'model.alpha': 0.0, 'model.dim': 1024,
    'train_dataloader.batch_size': 128, 'auto_scale_lr.base_batch_size': 128, 'train_cfg.max_epochs': 90,
    'optim_wrapper.optimizer': _sgd, 'param_scheduler': [dict(type='CosineAnnealingLR', T_max=90)],
}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_imagenet, inat2018={'model.queue.length': 32768},
             cifar10_lt_mini={'model.queue.length': 1024}, digits={'model.queue.length': 128})
