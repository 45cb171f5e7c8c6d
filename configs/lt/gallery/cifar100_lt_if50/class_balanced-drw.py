_base_ = '../cifar100_lt_if100/class_balanced-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
