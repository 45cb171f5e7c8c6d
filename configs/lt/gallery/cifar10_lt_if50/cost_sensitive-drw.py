_base_ = '../cifar10_lt_if100/cost_sensitive-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
