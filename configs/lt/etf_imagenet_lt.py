_base_ = 'ce_imagenet_lt.py'
# fixed simplex classifier (Yang et al., NeurIPS 2022); it needs D >= C
model = dict(
    backbone=dict(_delete_=True, type='ResNet', depth=50),
    head=dict(in_channels=2048, classifier=dict(type='ETFLinear')),
)
