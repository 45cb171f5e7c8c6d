_base_ = '../cifar10_lt_if100/manifold_mixup.py'
train_dataloader = dict(dataset=dict(imbalance=50))
