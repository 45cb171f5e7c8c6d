_base_ = 'ce_cifar100_lt.py'
# class-balanced focal loss (Cui et al., CVPR 2019)
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', base='focal', beta=0.9, gamma=1.0)))
