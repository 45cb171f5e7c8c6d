_base_ = '../cifar10_lt_if100/las-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
