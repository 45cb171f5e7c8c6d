# Disentangling the label distribution (LADE). Hong et al., CVPR 2021, arXiv:2012.00321.
model = dict(head=dict(loss=dict(type='LADELoss', remine_lambda=0.01, alpha=0.1)))
