# Equalization loss on sigmoids, each of which starts at 1 / C. Tan et al., CVPR 2020, arXiv:2003.05176.
_init = dict(type='Normal', layer='Linear', std=0.01, bias_prob=0.01)
model = dict(head=dict(init_cfg=_init, loss=dict(type='EqualizationLoss', threshold=0.005)))
