_base_ = '../../ce_cifar10_lt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=160, sampler=dict(type='SquareRootSampler'))])
)
