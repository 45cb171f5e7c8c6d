# Vector scaling. Kini et al., NeurIPS 2021, arXiv:2103.01550.
model = dict(head=dict(loss=dict(type='VSLoss', gamma=0.3, tau=1.0)))
