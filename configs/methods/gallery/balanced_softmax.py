# Balanced softmax. Ren et al., NeurIPS 2020, arXiv:2007.10740.
model = dict(head=dict(loss=dict(type='BalancedSoftmaxLoss')))
