_base_ = 'ce_cifar100_lt.py'
# fixed simplex classifier (Yang et al., NeurIPS 2022); it needs D >= C
model = dict(backbone=dict(base_channels=32), head=dict(in_channels=128, classifier=dict(type='ETFLinear')))
