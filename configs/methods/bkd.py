# BKD: a plain run teaches, its soft labels weighed by class. Zhang et al., Neurocomputing 2023, arXiv:2104.10510.
_config = dict(model='{{model}}', data_preprocessor='{{data_preprocessor}}')
_teacher = dict(config=_config, checkpoint='work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth')
model = dict(type='DistillClassifier', teacher=_teacher, loss=dict(type='BKDLoss'))
# as released: on CIFAR-10 the weights come late
_late = dict(type='StageSwitchHook', stages=[dict(begin=0.8, loss=dict(type='BKDLoss'))])
tuned = dict(cifar10_lt={'model.loss.beta': 0.0, 'default_hooks.stages': _late})
