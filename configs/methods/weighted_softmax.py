# Cross entropy with weights 1 - ln(n / n_max). DisAlign's comparison: Zhang et al., CVPR 2021, arXiv:2103.16370.
model = dict(head=dict(loss=dict(type='WeightedSoftmaxLoss', form='log')))
