_base_ = '../../ce_cifar10_lt_mini.py'
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[dict(begin=33, loss=dict(type='LabelAwareSmoothLoss', smooth_head=0.4, smooth_tail=0.1))],
    )
)
