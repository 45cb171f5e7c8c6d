# TSC: k positives and far-apart targets, after a run of kcl; then mmlt refit. Li et al., CVPR 2022, arXiv:2111.13998.
_base_ = 'kcl.py'
load_from = 'work_dirs/kcl_{{config}}/epoch_{{train_cfg.max_epochs}}.pth'
default_hooks = dict(load=dict(type='CheckedLoadHook', allow_missing=[r'^contrast\.']))
model = dict(contrast=dict(type='TargetedContrastiveLoss', target_weight=0.2))
tuned = {data: {'load_from': f'work_dirs/kcl_{data}/epoch_200.pth'} for data in ('imagenet_lt', 'inat2018')}
