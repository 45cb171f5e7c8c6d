# Experts of three test distributions. Zhang et al., NeurIPS 2022, arXiv:2107.09249.
model = dict(
    backbone=dict(_delete_=True, type='MultiExpertBackbone', backbone='{{model.backbone}}'),
    head=dict(type='MultiExpertClsHead', reduce=True, classifier=dict(type='CosineLinear', scale=30.0),
              loss=dict(type='SADELoss', tau=2.0)))
_mini = {'optim_wrapper.optimizer.weight_decay': 5e-4}
_cifar = {**_mini, 'param_scheduler.1.gamma': 0.1}
tuned = dict(
    cifar10_lt=_cifar, cifar100_lt=_cifar, cifar10_lt_mini=_mini,
    imagenet_lt={
        'model.backbone.backbone': dict(_delete_=True, type='ResNeXt', depth=50), 'model.head.in_channels': 2048,
        'train_cfg.max_epochs': 180, 'train_dataloader.batch_size': 64, 'auto_scale_lr.base_batch_size': 64,
        'optim_wrapper.optimizer': dict(lr=0.025, weight_decay=5e-4),
        'param_scheduler': [dict(type='CosineAnnealingLR', T_max=180, by_epoch=True)]},
    inat2018={'model.head.loss.tau': 1.0, 'optim_wrapper.optimizer.weight_decay': 2e-4},
    places_lt={  # full width, for the pre-trained weights; the classifiers learn ten times as fast as the rest
        'model.head.loss.tau': 1.0, 'model.backbone.reduce': False, 'model.head.reduce': False,
        'optim_wrapper.optimizer': dict(lr=1e-3, weight_decay=4e-4, nesterov=True),
        'train_dataloader.batch_size': 128, 'auto_scale_lr.base_batch_size': 128,
        'param_scheduler': [dict(type='MultiStepLR', milestones=[10, 20], gamma=0.1)]},
)
