_base_ = 'ce_cifar100_lt.py'
# weights n_min / n
model = dict(head=dict(loss=dict(_delete_=True, type='CostSensitiveLoss')))
