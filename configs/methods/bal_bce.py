# Balanced BCE, of LiVT: sigmoids whose logits carry the prior's odds. Xu et al., CVPR 2023, arXiv:2212.02015.
model = dict(head=dict(loss=dict(type='BalancedBCELoss')))
