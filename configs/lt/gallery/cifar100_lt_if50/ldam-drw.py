_base_ = '../cifar100_lt_if100/ldam-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
