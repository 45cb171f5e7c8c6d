# LFME: experts of many, medium and few images, trained before, teach one. Xiang et al., ECCV 2020, arXiv:2001.01536.
_config = dict(model='{{model}}', data_preprocessor='{{data_preprocessor}}')
_last = '_{{config}}/epoch_{{train_cfg.max_epochs}}.pth'
_experts = [dict(config=_config, checkpoint='work_dirs/lfme_' + group + _last) for group in ('many', 'medium', 'few')]
model = dict(type='DistillClassifier', teacher=_experts, loss=dict(type='LFMELoss'))
train_dataloader = dict(sampler=dict(type='ClassCycleSampler', samples_per_class=4))
