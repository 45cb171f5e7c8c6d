_base_ = '../cifar100_lt_if100/cost_sensitive-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
