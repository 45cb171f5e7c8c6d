_base_ = '../../ce_cifar10_lt_mini.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', beta=0.9999)))
