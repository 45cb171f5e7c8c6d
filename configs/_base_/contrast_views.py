# three views of an image: a strong one for the classes, two for contrast
_strong = [dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=10)]
_jitter = dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
_similar = [dict(type='RandomApply', prob=0.8, transforms=[_jitter]),
            dict(type='RandomGrayscale', prob=0.2, keep_channels=True)]
_views = dict(type='RepeatPipeline', num_views=3, views=[_strong, _similar, _similar],
              pipeline='{{train_dataloader.dataset.pipeline}}')
train_dataloader = dict(dataset=dict(pipeline=[_views]))
_key = 'train_dataloader.dataset.pipeline.0.views'
# as ProCo's code, whose similar views on CIFAR are crops of any size; ImageNet-LT's pipeline jitters colours itself
_auto = [dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]
_crop = [dict(type='RandomResizedCrop', scale=32), *_similar]
_hue = [dict(type='RandomApply', prob=0.8, transforms=[dict(type='ColorJitter', hue=0.1)]), _similar[1]]
_rand = dict(_strong[0], magnitude_std=0.5)
_small = {_key: [_auto, _crop, _crop]}
tuned = dict(cifar10_lt=_small, cifar100_lt=_small, imagenet_lt={_key: [[_rand], _hue, _hue]},
             inat2018={_key: [[dict(_jitter, hue=0), _rand], _similar, _similar]})
