_base_ = [
    '../_base_/datasets/folder.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/cifar_200e.py',
    '../_base_/default_runtime.py',
]
# your own folder of small images: mmlt train folder_32 --set data=FOLDER
data_name = 'folder_32'
data = 'data/folder'
test_split = 'val'
model = dict(head=dict(num_classes='{{num_classes}}'))
size = 32
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=('{{size}}', '{{size}}')),
    dict(type='RandomCrop', crop_size='{{size}}', padding=4),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
