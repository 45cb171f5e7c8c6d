# any convolutional timm model; pretrained=True loads timm's weights
model = dict(
    type='ImageClassifier',
    backbone=dict(type='TIMMBackbone', model_name='resnet50', pretrained=False),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LongTailClsHead', num_classes=1000, in_channels=2048, loss=dict(type='CrossEntropyLoss')),
)
