_base_ = '../cifar10_lt_if100/cost_sensitive.py'
train_dataloader = dict(dataset=dict(imbalance=50))
