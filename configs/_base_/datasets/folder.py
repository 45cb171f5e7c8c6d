# your own images, as they are: one folder a class in FOLDER/train and FOLDER/val
data_preprocessor = dict(
    num_classes='{{num_classes}}', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale='{{size}}'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale='{{size}}', edge='short'),
    dict(type='CenterCrop', crop_size='{{size}}'),
    dict(type='PackInputs'),
]
_dataset = dict(type='CustomDataset', data_root='{{data}}')
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    dataset=dict(_dataset, data_prefix='train', pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    dataset=dict(_dataset, data_prefix='{{test_split}}', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
