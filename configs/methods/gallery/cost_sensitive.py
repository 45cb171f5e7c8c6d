# Cross entropy with weights n_min / n. Zhang et al., AAAI 2021.
model = dict(head=dict(loss=dict(type='CostSensitiveLoss')))
