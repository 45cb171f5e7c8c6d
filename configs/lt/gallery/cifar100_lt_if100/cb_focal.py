_base_ = '../../ce_cifar100_lt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', base='focal', beta=0.9, gamma=1.0)))
