_base_ = 'ce_cifar100_lt.py'
# cross entropy, then from epoch 160 on class-dependent temperatures (Ye et al., 2020)
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=160, loss=dict(type='CDTLoss', gamma=0.2))])
)
