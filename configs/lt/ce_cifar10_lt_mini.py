_base_ = [
    '../_base_/datasets/cifar10_lt_mini.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/mini_45e.py',
    '../_base_/default_runtime.py',
]
