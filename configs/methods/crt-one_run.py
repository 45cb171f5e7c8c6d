# Classifier re-training as ten more epochs of the same run. Kang et al., ICLR 2020, arXiv:1910.09217.
_begin, _end = '{{train_cfg.max_epochs}}', '{{train_cfg.max_epochs + 10}}'
param_scheduler = dict(_append_=[dict(type='CosineAnnealingLR', begin=_begin, end=_end, T_max=10)])
train_cfg = dict(max_epochs=_end)
_stage = dict(begin=_begin, freeze=['backbone'], reinit=['head.fc'], lr=0.1,
              sampler=dict(type='ClassCycleSampler', samples_per_class=4))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
