model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNetCIFAR32'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LongTailClsHead', num_classes=10, in_channels=64, loss=dict(type='CrossEntropyLoss')),
)
