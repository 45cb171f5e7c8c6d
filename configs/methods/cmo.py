# Context-rich minority oversampling, but for the first and last 3 epochs. Park et al., CVPR 2022, arXiv:2112.00412.
_cmo = dict(type='ContextMinorityOversample', alpha=1.0, beta=1.0, prob=0.5)
_stages = [dict(begin=3, batch_augments=_cmo), dict(begin='{{train_cfg.max_epochs - 3}}', batch_augments=None)]
default_hooks = dict(
    partners=dict(type='PartnerHook'),
    stages=dict(type='StageSwitchHook', stages=_stages),
)
