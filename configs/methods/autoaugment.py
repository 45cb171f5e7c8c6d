# AutoAugment, on CIFAR with Cutout: the strong augmentation of many long-tail results. Cubuk et al., CVPR 2019,
# arXiv:1805.09501; DeVries and Taylor, 2017, arXiv:1708.04552.
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='RepeatPipeline', num_views=1, views=[[dict(type='AutoAugment', policies='imagenet')]],
         pipeline='{{train_dataloader.dataset.pipeline}}')]))
_small = {'train_dataloader.dataset.pipeline.0.views': [[
    dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]]}
tuned = dict(cifar10_lt=_small, cifar100_lt=_small, cifar10_lt_mini=_small)
