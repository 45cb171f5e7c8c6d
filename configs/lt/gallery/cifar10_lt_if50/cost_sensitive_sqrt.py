_base_ = '../cifar10_lt_if100/cost_sensitive_sqrt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
