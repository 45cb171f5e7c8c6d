# LDAM, late in the run with effective-number weights (DRW). Cao et al., NeurIPS 2019, arXiv:1906.07413.
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(type='LDAMLoss')))
_stage = dict(begin=0.8, loss=dict(type='LDAMLoss', class_weight='effective', avg='weight'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
