# SHIKE: experts of several depths that teach one another, classifiers again. Jin et al., CVPR 2023, arXiv:2304.01279.
_begin, _end = '{{train_cfg.max_epochs}}', '{{train_cfg.max_epochs + 10}}'
model = dict(
    backbone=dict(_delete_=True, type='DepthExperts', backbone='{{model.backbone}}',
                  channels='{{model.head.in_channels}}'),
    head=dict(type='MultiExpertClsHead', classifier=dict(type='CosineLinear', scale=30.0), loss=dict(type='SHIKELoss')))
param_scheduler = dict(_append_=[dict(type='CosineAnnealingLR', begin=_begin, end=_end, T_max=10)])
train_cfg = dict(max_epochs=_end)
# the published schedule is that of CIFAR, with classifiers anew; few images need those that were trained
_again = dict(begin=_begin, freeze=['backbone'], lr=0.1, loss=dict(type='BalancedSoftmaxLoss', loss_weight=3.0))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_again]))
_auto = [dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]
_cifar = {
    'train_dataloader.dataset.pipeline': [dict(type='RepeatPipeline', num_views=1, views=[_auto],
                                               pipeline='{{train_dataloader.dataset.pipeline}}')],
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.15, momentum=0.9, weight_decay=5e-4, nesterov=False),
    'default_hooks.stages.stages': {'0': dict(begin=180, reinit=['head.fc'], lr=0.0375)}, 'train_cfg.max_epochs': 200,
    'param_scheduler': [
        dict(type='LinearLR', start_factor=1 / 6, end=6), dict(type='CosineAnnealingLR', T_max=175, begin=5, end=180),
        dict(type='LinearLR', start_factor=0.375, begin=180, end=186),
        dict(type='CosineAnnealingLR', T_max=15, begin=185, end=200)]}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar)
