# Start from the backbone of a run without labels. Yang & Xu, NeurIPS 2020, arXiv:2006.07529.
load_from = 'work_dirs/rotation_{{config}}/epoch_{{train_cfg.max_epochs}}.pth'
default_hooks = dict(load=dict(type='CheckedLoadHook', allow_missing=[r'^(?!backbone\.)']))
