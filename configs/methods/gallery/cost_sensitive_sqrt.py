# Cross entropy with weights (n_min / n)^0.5. Mahajan et al., ECCV 2018, arXiv:1805.00932.
model = dict(head=dict(loss=dict(type='CostSensitiveLoss', gamma=0.5)))
