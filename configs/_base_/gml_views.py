# three views of an image, for the classes, the queries and the keys, as GML's code draws them
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='RepeatPipeline', num_views=3, pipeline='{{train_dataloader.dataset.pipeline}}')]))
_views = 'train_dataloader.dataset.pipeline.0.views'
_auto = [dict(type='AutoAugment', policies='cifar10'), dict(type='Cutout', shape=16, pad_val=0, prob=1.0)]
# the pipeline of ImageNet-LT jitters colours itself
_rand = [dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=10, magnitude_std=0.5)]
_blur = dict(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf', prob=0.5)
_stack = [dict(type='RandomGrayscale', prob=0.2, keep_channels=True), _blur, *_rand]
tuned = dict(cifar10_lt={_views: [_auto] * 3}, cifar100_lt={_views: [_auto] * 3},
             imagenet_lt={_views: [_rand, _stack, _stack]})
