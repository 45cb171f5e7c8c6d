_base_ = '../../ce_cifar100_lt.py'
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[dict(begin=160, loss=dict(type='SoftmaxFocalLoss', gamma=2.0, class_weight='inverse'))],
    )
)
