_base_ = '../cifar10_lt_if100/las.py'
train_dataloader = dict(dataset=dict(imbalance=50))
