_base_ = '../cifar10_lt_if100/drs_sqrt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
