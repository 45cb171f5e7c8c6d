_base_ = 'ce_cifar100_lt.py'
# sigmoid-free warm-up, then adaptive class suppression (Wang et al., CVPR 2021)
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=160, loss=dict(type='AdaptiveClassSuppressionLoss'))])
)
