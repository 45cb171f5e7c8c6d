_base_ = [
    '../_base_/datasets/digits.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/digits_40e.py',
    '../_base_/default_runtime.py',
]
data_name = 'digits'
model = dict(backbone=dict(depth=20))
stages_at = [(0.8, 26 / 40), (0.9, 36 / 40)]  # where the learning rate falls, not at these fractions of the run
