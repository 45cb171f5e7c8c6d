_base_ = [
    '../_base_/datasets/places_lt.py',
    '../_base_/models/resnet152.py',
    '../_base_/schedules/places_30e.py',
    '../_base_/default_runtime.py',
]
data_name = 'places_lt'
model = dict(head=dict(num_classes=365))
default_hooks = dict(checkpoint=dict(save_best='lt/mean_class'))  # on the validation split, beside the last epoch
