# MetaSAug, its meta step left out: features drawn around each image's own, weights. Li et al., CVPR 2021, 2103.12579.
_loss = dict(type='ISDALoss', dim='{{model.head.in_channels}}', class_weight='effective', avg='weight')
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0.8, loss=_loss)]))
_small = {'default_hooks.stages.stages.0.loss': dict(diagonal=False, max_margin=0.5)}
_cifar = {
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
    'param_scheduler': [dict(type='MultiStepLR', milestones=[159, 179], gamma=0.01)],
    'train_dataloader.batch_size': 100, **_small}
_second_run = {
    'load_from': 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth', 'train_cfg': dict(max_epochs=20),
    'optim_wrapper.optimizer': dict(type='SGD', lr=3e-4, momentum=0.9, weight_decay=5e-4, nesterov=True),
    'param_scheduler': [], 'default_hooks.stages.stages.0': dict(begin=0, freeze=['backbone'], bn='frozen')}
tuned = dict(cifar10_lt=_cifar, cifar10_lt_mini=_small, imagenet_lt=_second_run,
             cifar100_lt={**_cifar, 'default_hooks.stages.stages.0.loss.strength': 0.75})
