# two views of an image: a strong one for the classes, one for the keys
_strong = [dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=10, magnitude_std=0.5)]
_jitter = dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4)
_similar = [dict(type='RandomGrayscale', prob=0.2, keep_channels=True),
            dict(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf', prob=0.5)]
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='RepeatPipeline', num_views=2, views=[_strong, [_jitter, *_similar]],
         pipeline='{{train_dataloader.dataset.pipeline}}')]))
_views = 'train_dataloader.dataset.pipeline.0.views'
_auto = [dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]
_crop = [dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.2, 1.0)),
         dict(type='RandomApply', prob=0.8, transforms=[dict(_jitter, hue=0.1)]), *_similar]
_small = {_views: [_auto, _crop]}
_stack = {_views: [[*_similar, *_strong], _similar]}  # where the data's pipeline jitters colours itself
tuned = dict(cifar10_lt=_small, cifar100_lt=_small, imagenet_lt=_stack, places_lt=_stack,
             inat2018={_views: [[_jitter, *_strong], [_jitter, *_similar]]})
