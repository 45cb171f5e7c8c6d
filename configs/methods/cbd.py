# Class-balanced distillation of a plain teacher, whose run comes first. Iscen et al., BMVC 2021, arXiv:2104.05279.
_config = dict(model='{{model}}', data_preprocessor='{{data_preprocessor}}')
_teacher = dict(config=_config, checkpoint='work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth')
model = dict(type='DistillClassifier', teacher=_teacher, loss=dict(type='CBDLoss', alpha=0.4, beta=100.0))
train_dataloader = dict(sampler=dict(type='ClassBalancedSampler'))
