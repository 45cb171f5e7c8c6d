# SimSiam without labels, MMPretrain's; any method with ssp starts from it. Chen and He, CVPR 2021, arXiv:2011.10566.
_jitter = dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
_similar = [dict(type='RandomApply', prob=0.8, transforms=[_jitter]),
            dict(type='RandomGrayscale', prob=0.2, keep_channels=True)]
_views = dict(type='RepeatPipeline', views=[_similar] * 2, pipeline='{{train_dataloader.dataset.pipeline}}')
_rgb = dict(mean='{{data_preprocessor.mean}}', std='{{data_preprocessor.std}}', to_rgb='{{data_preprocessor.to_rgb}}')
data_preprocessor = dict(_delete_=True, type='SelfSupDataPreprocessor', **_rgb)
_mlp = dict(type='NonLinearNeck', hid_channels=2048, out_channels=2048)
_predictor = dict(_mlp, in_channels=2048, hid_channels=512, with_avg_pool=False, with_last_bn=False,
                  with_last_bias=True)
model = dict(
    type='SimSiam', backbone='{{model.backbone}}',
    neck=dict(_mlp, in_channels='{{model.head.in_channels}}', num_layers=3, with_last_bn_affine=False),
    head=dict(type='LatentPredictHead', loss=dict(type='CosineSimilarityLoss'), predictor=_predictor))
train_dataloader = dict(dataset=dict(pipeline=[_views]), collate_fn=dict(type='default_collate'))
val_dataloader = val_evaluator = val_cfg = test_dataloader = test_evaluator = test_cfg = None  # nothing to predict
_lr = 0.025  # 0.05 for 256 images
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=_lr, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max='{{train_cfg.max_epochs}}', by_epoch=True)]
custom_hooks = [dict(type='SimSiamHook', priority='HIGH', fix_pred_lr=True, lr=_lr)]
_crop = dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.2, 1.0))
_small = {'train_dataloader.dataset.pipeline': [dict(_views, views=[[_crop, *_similar]] * 2)]}
tuned = dict(cifar10_lt=_small, cifar100_lt=_small, cifar10_lt_mini=_small, digits=_small)
