# scikit-learn's digits, imbalance 50: 124 to 2 images a class; nothing to download
data_preprocessor = dict(num_classes=10, mean=[78.0] * 3, std=[82.0] * 3, to_rgb=False)
train_pipeline = [dict(type='RandomCrop', crop_size=32, padding=4), dict(type='PackInputs')]
test_pipeline = [dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    dataset=dict(type='DigitsLT', split='train', imbalance=50, pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=250,
    num_workers=0,
    dataset=dict(type='DigitsLT', split='test', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
