_base_ = '../../ce_cifar100_lt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=160, loss=dict(type='CDTLoss', gamma=0.2))])
)
