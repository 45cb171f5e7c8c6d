# RIDE, second run, after that of ride: routers that skip experts. Wang et al., ICLR 2021, arXiv:2010.01809.
load_from = 'work_dirs/ride_{{config}}/epoch_{{train_cfg.max_epochs}}.pth'
model = dict(
    type='RoutedExpertClassifier',
    backbone=dict(_delete_=True, type='MultiExpertBackbone', backbone='{{model.backbone}}'),
    head=dict(type='MultiExpertClsHead', reduce=True, classifier=dict(type='CosineLinear', scale=30.0)))
train_cfg = dict(max_epochs=5, val_interval=5)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=5, by_epoch=True)]
auto_scale_lr = None
train_dataloader = dict(batch_size=512, sampler=dict(type='ClassBalancedSampler'))
default_hooks = dict(load=dict(type='CheckedLoadHook', allow_missing=['^routers']))
custom_hooks = [dict(type='ExpertRouterHook')]
_resnext = {'model.backbone.backbone': dict(_delete_=True, type='ResNeXt', depth=50), 'model.head.in_channels': 2048,
            'model.top': 50}
tuned = dict(imagenet_lt=_resnext, inat2018={'model.top': 50})
