# Equalization loss v2, each sigmoid starts at 1 / C. Tan et al., CVPR 2021, arXiv:2012.08548.
_init = dict(type='Normal', layer='Linear', std=0.01, bias_prob=0.01)
model = dict(head=dict(init_cfg=_init, loss=dict(type='EqualizationLossV2')))
