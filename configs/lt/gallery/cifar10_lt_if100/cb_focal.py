_base_ = '../../ce_cifar10_lt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', base='focal', beta=0.9999, gamma=1.0)))
