_base_ = [
    '../_base_/datasets/inat2018.py',
    '../_base_/models/resnet50.py',
    '../_base_/schedules/imagenet_100e.py',
    '../_base_/default_runtime.py',
]
data_name = 'inat2018'
model = dict(head=dict(num_classes=8142))
