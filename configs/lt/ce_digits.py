_base_ = [
    '../_base_/datasets/digits.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/digits_40e.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(depth=20))
