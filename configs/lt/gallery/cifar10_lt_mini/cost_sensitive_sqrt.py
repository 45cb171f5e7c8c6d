_base_ = '../../ce_cifar10_lt_mini.py'
model = dict(head=dict(loss=dict(_delete_=True, type='CostSensitiveLoss', gamma=0.5)))
