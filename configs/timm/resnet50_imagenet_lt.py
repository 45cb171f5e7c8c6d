_base_ = [
    '../_base_/datasets/imagenet_lt.py',
    '../_base_/timm/resnet50.py',
    '../_base_/schedules/imagenet_100e.py',
    '../_base_/default_runtime.py',
]
