# BBN: the last block stands twice, for images as they come and for reversed draws. Zhou et al., CVPR 2020, 1912.02413.
model = dict(type='BilateralBranchClassifier')
default_hooks = dict(partners=dict(type='PartnerHook'))
# as released; warm-up from 7/15, and the learning rate falls at the beginning of epochs 120 and 160, counted from 1
_cifar = {
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=2e-4, nesterov=True),
    'param_scheduler': [dict(type='LinearLR', start_factor=7 / 15, by_epoch=True, end=5),
                        dict(type='MultiStepLR', milestones=[119, 159], gamma=0.01)],
}
_inat = {
    'model.backbone': dict(type='ResNet', depth=50),
    'model.head.in_channels': 2048,
    'model.max_epochs': 200,  # of a run of 180, so that alpha ends at 0.2
    'train_dataloader.batch_size': 128,
    'train_cfg.max_epochs': 180,
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True),
    'param_scheduler': [dict(type='MultiStepLR', milestones=[119, 159], gamma=0.1)],
    'auto_scale_lr.base_batch_size': 128,
}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, inat2018=_inat)
