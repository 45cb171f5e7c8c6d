_base_ = '../../ce_cifar100_lt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='CostSensitiveLoss', gamma=0.5)))
