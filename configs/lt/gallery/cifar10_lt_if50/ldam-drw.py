_base_ = '../cifar10_lt_if100/ldam-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
