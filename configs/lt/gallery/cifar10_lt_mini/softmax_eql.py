_base_ = '../../ce_cifar10_lt_mini.py'
model = dict(head=dict(loss=dict(_delete_=True, type='SoftmaxEqualizationLoss', gamma=0.9, threshold=0.05)))
