_base_ = '../../ce_cifar10_lt_mini.py'
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=33, sampler=dict(type='ClassBalancedSampler'), cam=dict())])
)
