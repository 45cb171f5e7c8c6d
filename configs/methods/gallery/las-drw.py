# Cross entropy, late in the run label-aware smoothing. Zhong et al., CVPR 2021, arXiv:2104.00466.
_stage = dict(begin=0.8, loss=dict(type='LabelAwareSmoothLoss', smooth_head=0.4, smooth_tail=0.1))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
