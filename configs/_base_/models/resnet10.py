model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet10'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LongTailClsHead', num_classes=1000, in_channels=512, loss=dict(type='CrossEntropyLoss')),
)
