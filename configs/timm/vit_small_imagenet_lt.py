_base_ = [
    '../_base_/datasets/imagenet_lt.py',
    '../_base_/timm/vit_small.py',
    '../_base_/timm/adamw_100e.py',
    '../_base_/default_runtime.py',
]
