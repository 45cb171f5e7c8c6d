# Balanced product of calibrated experts, with mixup. Sanchez Aimar et al., CVPR 2023, arXiv:2206.05260.
model = dict(
    backbone=dict(_delete_=True, type='MultiExpertBackbone', backbone='{{model.backbone}}', reduce=False),
    head=dict(type='MultiExpertClsHead', classifier=dict(type='CosineLinear', scale=30.0),
              loss=dict(type='BalPoELoss')),
    train_cfg=dict(augments=dict(type='Mixup', alpha=0.4)))
_cifar = {'optim_wrapper.optimizer.weight_decay': 5e-4}
_large = {'model.backbone.backbone': dict(_delete_=True, type='ResNeXt', depth=50), 'model.head.in_channels': 2048}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, cifar10_lt_mini=_cifar,
             imagenet_lt=_large, inat2018=_large, places_lt=_large)
