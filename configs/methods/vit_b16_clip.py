# CLIP's ViT-B/16 of timm at 224 px, for the methods that want a ViT. Radford et al., ICML 2021, arXiv:2103.00020.
# Before one of them: `imagenet_lt vit_b16_clip lift`.
# Weights: --cfg-options model.backbone.weights=True, which downloads them, or =FILE, timm's or open_clip's.
model = dict(
    backbone=dict(type='TimmFeatures', name='vit_base_patch16_clip_224.openai', weights=None),
    neck=None,
    head=dict(in_channels=768),
)
data_preprocessor = dict(mean=[122.771, 116.746, 104.094], std=[68.501, 66.632, 70.323])
_pack = [dict(type='PackInputs')]
_train = [dict(type='RandomResizedCrop', scale=224, interpolation='bicubic'), dict(type='RandomFlip', prob=0.5), *_pack]
_test = [dict(type='Resize', scale=256, interpolation='bicubic'), dict(type='CenterCrop', crop_size=224), *_pack]
_small = {'train_dataloader.dataset.pipeline': _train, 'val_dataloader.dataset.pipeline': _test,
          'test_dataloader.dataset.pipeline': _test}
tuned = dict(cifar100_lt=_small, cifar10_lt=_small, cifar10_lt_mini=_small, digits=_small)
