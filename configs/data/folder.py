_base_ = [
    '../_base_/datasets/folder.py',
    '../_base_/models/resnet50.py',  # or resnet10.py
    '../_base_/schedules/imagenet_100e.py',
    '../_base_/default_runtime.py',
]
# your own folder of classes, as imbalanced as it is: mmlt train folder --set data=FOLDER
data_name = 'folder'
data = 'data/folder'  # with train/<class>/*.jpg and val/<class>/*.jpg; the classes are counted
test_split = 'val'
model = dict(head=dict(num_classes='{{num_classes}}'))
size = 224
