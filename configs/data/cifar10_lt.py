_base_ = [
    '../_base_/datasets/cifar10_lt.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/cifar_200e.py',
    '../_base_/default_runtime.py',
]
data_name = 'cifar10_lt'
