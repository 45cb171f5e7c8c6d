# three views of an image: a strong one for the classes, two for contrast
_strong = [dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=10)]
_jitter = dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
_similar = [dict(type='RandomApply', prob=0.8, transforms=[_jitter]),
            dict(type='RandomGrayscale', prob=0.2, keep_channels=True)]
_views = dict(type='RepeatPipeline', num_views=3, views=[_strong, _similar, _similar],
              pipeline='{{train_dataloader.dataset.pipeline}}')
train_dataloader = dict(dataset=dict(pipeline=[_views]))
_small = {'train_dataloader.dataset.pipeline.0.views.0': [
    dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]}
tuned = dict(cifar10_lt=_small, cifar100_lt=_small)
