# Cross entropy, late in the run focal loss with inverse frequencies. Lin et al., ICCV 2017, arXiv:1708.02002.
_stage = dict(begin=0.8, loss=dict(type='SoftmaxFocalLoss', gamma=2.0, class_weight='inverse'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
