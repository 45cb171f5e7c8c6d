_base_ = '../../ce_cifar10_lt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
model = dict(head=dict(loss=dict(_delete_=True, type='CostSensitiveLoss')))
