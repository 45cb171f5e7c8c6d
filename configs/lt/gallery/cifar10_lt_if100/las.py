_base_ = '../../ce_cifar10_lt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='LabelAwareSmoothLoss', smooth_head=0.4, smooth_tail=0.1)))
