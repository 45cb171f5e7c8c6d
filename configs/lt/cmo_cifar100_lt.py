_base_ = 'ce_cifar100_lt.py'
# context-rich minority oversampling (Park et al., CVPR 2022), but for the first and the last three epochs
cmo = dict(type='ContextMinorityOversample', alpha=1.0, beta=1.0, prob=0.5)
default_hooks = dict(
    partners=dict(type='PartnerHook'),
    stages=dict(
        type='StageSwitchHook', stages=[dict(begin=3, batch_augments=cmo), dict(begin=197, batch_augments=None)]
    ),
)
