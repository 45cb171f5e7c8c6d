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
_set = {  # smoothing of the head, of the tail, the weights' part of the learning rate
    'cifar10_lt/50': (0.2, 0.0, 0.2), 'cifar10_lt/10': (0.1, 0.0, 0.2), 'cifar100_lt': (0.4, 0.1, 0.2),
    'cifar100_lt/50': (0.3, 0.0, 0.1), 'cifar100_lt/10': (0.2, 0.0, 0.1), 'imagenet_lt': (0.3, 0.0, 0.05),
    'inat2018': (0.3, 0.0, 0.05), 'places_lt': (0.4, 0.1, 0.05)}
tuned = {data: {'model.head.loss': dict(smooth_head=head, smooth_tail=tail),
                'optim_wrapper.paramwise_cfg.custom_keys': {key: dict(lr_mult=rate) for key in _weights}}
         for data, (head, tail, rate) in _set.items()}
tuned['cifar10_lt'] = {'default_hooks.stages.stages.0.bn': 'frozen'}
tuned['imagenet_lt'] |= {'model.backbone': dict(_delete_=True, type='ResNet', depth=50), 'model.head.in_channels': 2048,
                         'load_from': 'work_dirs/mixup_mislas_imagenet_lt/epoch_180.pth'}
tuned['inat2018'] |= {'optim_wrapper.optimizer.weight_decay': 1e-4,
                      'load_from': 'work_dirs/mixup_mislas_inat2018/epoch_200.pth'}
