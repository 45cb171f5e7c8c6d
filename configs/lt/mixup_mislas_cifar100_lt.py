_base_ = 'ce_cifar100_lt.py'
# MiSLAS, first run (Zhong et al., CVPR 2021): mixup
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
    dict(type='MultiStepLR', milestones=[160, 180], gamma=0.1),
]
