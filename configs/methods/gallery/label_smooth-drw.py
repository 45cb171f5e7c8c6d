# Cross entropy, late in the run label smoothing. Szegedy et al., CVPR 2016, arXiv:1512.00567.
_stage = dict(begin=0.8, loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
