# any timm ViT with a class token; pretrained=True loads timm's weights
model = dict(
    type='ImageClassifier',
    backbone=dict(type='TIMMBackbone', model_name='vit_small_patch16_224', pretrained=False, drop_path_rate=0.1),
    neck=dict(type='ClassToken'),
    head=dict(type='LongTailClsHead', num_classes=1000, in_channels=384, loss=dict(type='CrossEntropyLoss')),
)
