# UPerNet on a ResNet-50
_base_ = 'fcn_r50.py'
model = dict(
    backbone=dict(dilations=(1, 1, 1, 1), strides=(1, 2, 2, 2)),
    decode_head=dict(
        _delete_=True,
        type='UPerHead',
        in_channels=[256, 512, 1024, 2048],
        in_index=[0, 1, 2, 3],
        channels=512,
        num_classes=150,
        norm_cfg={{_base_.norm_cfg}},
        loss_decode=dict(type='CrossEntropyLoss'),
    ),
)
