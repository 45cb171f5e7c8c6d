# Balanced softmax, pixels as counts. Ren et al., NeurIPS 2020, arXiv:2007.10740.
model = dict(decode_head=dict(loss_decode=dict(type='BalancedSoftmaxLoss', class_counts='{{class_counts}}')))
