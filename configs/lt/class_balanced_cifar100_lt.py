_base_ = 'ce_cifar100_lt.py'
# effective number of samples (Cui et al., CVPR 2019)
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', beta=0.9)))
