# Tests on five crops of 224 px, whose logits LIFTClassifier averages. Shi et al., ICML 2024, arXiv:2309.10019.
# After lift or another of its overlays: `mmlt test imagenet_lt vit_b16_clip lift five_crop CHECKPOINT`.
_pack = [dict(type='PackInputs')]
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=248, edge='short', interpolation='bicubic'),
    dict(type='FiveCrop', crop_size=224, flip_channels=True),
    *_pack,
]))
_small = {'test_dataloader.dataset.pipeline': [
    dict(type='Resize', scale=(248, 248), interpolation='bicubic'), dict(type='FiveCrop', crop_size=224), *_pack]}
tuned = dict(cifar100_lt=_small, cifar10_lt=_small, cifar10_lt_mini=_small, digits=_small)
