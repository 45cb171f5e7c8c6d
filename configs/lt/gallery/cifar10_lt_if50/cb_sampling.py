_base_ = '../cifar10_lt_if100/cb_sampling.py'
train_dataloader = dict(dataset=dict(imbalance=50))
