# Experts driven apart; late in the run class weights and temperatures. Wang et al., ICLR 2021, arXiv:2010.01809.
_loss = dict(type='RIDELoss', diversity=-0.2, reweight_factor=0.05)
model = dict(
    backbone=dict(_delete_=True, type='MultiExpertBackbone', backbone='{{model.backbone}}'),
    head=dict(type='MultiExpertClsHead', reduce=True, classifier=dict(type='CosineLinear', scale=30.0),
              loss=dict(_loss, temperatures=False)))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0.8, loss=_loss)]))
_late = 'default_hooks.stages.stages.0.loss'
_cifar = {'model.head.loss.diversity': -0.45, f'{_late}.diversity': -0.45,
          'optim_wrapper.optimizer.weight_decay': 5e-4}
_large = {
    'train_cfg.max_epochs': 100,
    'param_scheduler': [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5),
                        dict(type='MultiStepLR', milestones=[60, 80], gamma=0.1)],
    'optim_wrapper.optimizer': dict(weight_decay=2e-4)}
_resnext = {'model.backbone.backbone': dict(_delete_=True, type='ResNeXt', depth=50), 'model.head.in_channels': 2048}
tuned = dict(
    cifar10_lt=_cifar, cifar100_lt=_cifar, cifar10_lt_mini=_cifar, digits=_cifar,
    imagenet_lt={**_large, **_resnext, 'optim_wrapper.optimizer': dict(lr=0.1, weight_decay=2e-4),
                 'train_dataloader.batch_size': 256, 'auto_scale_lr.base_batch_size': 256,
                 f'{_late}.reweight_factor': 0.02},
    inat2018={**_large, f'{_late}.reweight_factor': 0.015})
