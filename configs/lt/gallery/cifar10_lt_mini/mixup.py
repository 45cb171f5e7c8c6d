_base_ = '../../ce_cifar10_lt_mini.py'
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
