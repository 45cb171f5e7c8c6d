_base_ = [
    '../_base_/datasets/folder_lt.py',
    '../_base_/models/resnet50.py',
    '../_base_/schedules/imagenet_100e.py',
    '../_base_/default_runtime.py',
]
data_name = 'folder_lt'
# cross entropy on your own folder of classes
num_classes = 100
data_preprocessor = dict(num_classes=num_classes)
model = dict(head=dict(num_classes=num_classes))
