# MoCo v3 without labels, MMPretrain's; any method with ssp starts from it. Chen et al., ICCV 2021, arXiv:2104.02057.
_base_ = 'simsiam.py'
_bare = dict(with_bias=False, with_last_bn_affine=False, with_last_bias=False)
_mlp = dict(type='NonLinearNeck', hid_channels=4096, out_channels=256, num_layers=2, **_bare)
_predictor = dict(_mlp, in_channels=256, with_avg_pool=False, with_last_bn=False)
model = dict(
    _delete_=True, type='MoCoV3', base_momentum=0.01, backbone='{{model.backbone}}',
    neck=dict(_mlp, in_channels='{{model.head.in_channels}}'),
    head=dict(type='MoCoV3Head', predictor=_predictor, temperature=1.0,
              loss=dict(type='CrossEntropyLoss', loss_weight=2.0)))
optim_wrapper = dict(
    _delete_=True, optimizer=dict(type='LARS', lr=0.3, momentum=0.9, weight_decay=1e-6))  # 9.6 for 4,096 images
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=True, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max='{{train_cfg.max_epochs - 10}}', begin=10, by_epoch=True)]
custom_hooks = []
