_base_ = '../../ce_cifar10_lt_mini.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', base='focal', beta=0.0, gamma=2.0)))
