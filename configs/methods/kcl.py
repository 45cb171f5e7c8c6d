# KCL, contrast with k positives of each class; then mmlt refit. Kang et al., ICLR 2021.
_jitter = dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4)
_similar = [dict(type='RandomApply', prob=0.8, transforms=[dict(_jitter, hue=0.1)]),
            dict(type='RandomGrayscale', prob=0.2, keep_channels=True)]
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='RepeatPipeline', num_views=2, views=[_similar] * 2, pipeline='{{train_dataloader.dataset.pipeline}}')]))
model = dict(type='KPositiveClassifier', queue_length=4096, contrast=dict(type='KPositiveLoss', temperature=0.07, k=6))
_views = 'train_dataloader.dataset.pipeline.0.views'
_crop = dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.2, 1.0))
_small = {_views: [[_crop, *_similar]] * 2}
_large = {  # 256 images a batch
    'model.backbone': dict(type='ResNet', depth=50), 'model.head.in_channels': 2048, 'model.queue_length': 65536,
    'optim_wrapper.optimizer': dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=False),
    'train_cfg.max_epochs': 200, 'param_scheduler': [dict(type='CosineAnnealingLR', T_max=200)],
    'auto_scale_lr.base_batch_size': 256, _views: [[], []]}  # the data's own pipeline crops and jitters
tuned = dict(cifar10_lt=_small, cifar100_lt=_small, cifar10_lt_mini=_small, imagenet_lt=_large,
             inat2018={**_large, _views: [[_jitter]] * 2}, digits={'model.queue_length': 128})
