_base_ = '../../ce_cifar100_lt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
model = dict(head=dict(loss=dict(_delete_=True, type='LabelSmoothLoss', label_smooth_val=0.1)))
