_base_ = [
    '../_base_/datasets/cifar10_lt_mini.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/mini_45e.py',
    '../_base_/default_runtime.py',
]
data_name = 'cifar10_lt_mini'
stages_at = [(0.5, 22 / 45), (0.8, 33 / 45), (0.9, 40 / 45)]  # where the learning rate falls, not at these fractions
