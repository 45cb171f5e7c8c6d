# 2,516 images of CIFAR-10, imbalance 50 (900 to 18 a class), and 1,000 test images, in one .npz
data_preprocessor = dict(num_classes=10, mean=[125.307, 122.961, 113.858], std=[51.5865, 50.847, 51.255], to_rgb=False)
train_pipeline = [
    dict(type='RandomCrop', crop_size=32, padding=2),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    dataset=dict(type='NpzImages', ann_file='data/cifar10_lt_mini.npz', split='train', pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=250,
    num_workers=0,
    dataset=dict(type='NpzImages', ann_file='data/cifar10_lt_mini.npz', split='test', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
