# Class-dependent temperatures. Ye et al., 2020, arXiv:2001.01385.
model = dict(head=dict(loss=dict(type='CDTLoss', gamma=0.2)))
