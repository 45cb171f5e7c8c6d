# Generalized re-weighting, DisAlign's loss alone. Zhang et al., CVPR 2021, arXiv:2103.16370.
model = dict(head=dict(loss=dict(type='GeneralizedReweightLoss', rho=1.2)))
