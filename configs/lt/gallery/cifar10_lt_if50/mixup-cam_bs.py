_base_ = '../../ce_cifar10_lt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
train_cfg = dict(max_epochs=400)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
    dict(type='MultiStepLR', milestones=[320, 360], gamma=0.01),
]
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=320, sampler=dict(type='ClassBalancedSampler'), cam=dict())])
)
