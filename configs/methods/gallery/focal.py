# Focal loss on sigmoids. Lin et al., ICCV 2017, arXiv:1708.02002.
model = dict(head=dict(loss=dict(type='ClassBalancedLoss', base='focal', beta=0.0, gamma=2.0)))
