_base_ = '../cifar100_lt_if100/label_smooth-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
