# MiSLAS, second run: scales train, weights slowly, label-aware smoothing. Zhong et al., CVPR 2021, arXiv:2104.00466.
load_from = 'work_dirs/mixup_mislas_{{config}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=10, val_interval=10)
_weights = 'head.fc.weight', 'head.fc.bias'
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4),
                     paramwise_cfg=dict(custom_keys={key: dict(lr_mult=0.5) for key in _weights}))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
auto_scale_lr = None
train_dataloader = dict(sampler=dict(type='ClassBalancedSampler'))
_loss = dict(type='LabelAwareSmoothLoss', smooth_head=0.3, smooth_tail=0.0)
model = dict(head=dict(classifier=dict(type='LWSLinear', freeze=False), loss=_loss))
_stages = [dict(begin=0, freeze=['backbone'], bn='update')]  # batch norm's statistics shift to the balanced images
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=_stages))
_rates = 'optim_wrapper.paramwise_cfg.custom_keys'
_resnet50 = {'model.backbone': dict(_delete_=True, type='ResNet', depth=50), 'model.head.in_channels': 2048}
tuned = dict(
    cifar10_lt={'default_hooks.stages.stages.0.bn': 'frozen'},
    cifar10_lt_mini=dict(load_from='work_dirs/cifar10_lt_mini/mixup_cifar10_lt_mini/seed_0/epoch_45.pth'),
    cifar100_lt={'model.head.loss': dict(smooth_head=0.4, smooth_tail=0.1),
                 _rates: {key: dict(lr_mult=0.2) for key in _weights}},
    imagenet_lt={**_resnet50, 'load_from': 'work_dirs/mixup_mislas_imagenet_lt/epoch_180.pth',
                 _rates: {key: dict(lr_mult=0.05) for key in _weights}},
)
