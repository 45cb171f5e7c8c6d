_base_ = [
    '../_base_/datasets/imagenet_lt.py',
    '../_base_/models/resnet10.py',
    '../_base_/schedules/imagenet_100e.py',
    '../_base_/default_runtime.py',
]
data_name = 'imagenet_lt'
default_hooks = dict(checkpoint=dict(save_best='lt/mean_class'))  # on the validation split, beside the last epoch
