_base_ = '../../ce_cifar10_lt_mini.py'
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[dict(begin=33, loss=dict(type='SoftmaxFocalLoss', gamma=2.0, class_weight='inverse'))],
    )
)
