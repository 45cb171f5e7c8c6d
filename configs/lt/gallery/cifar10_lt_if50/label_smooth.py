_base_ = '../cifar10_lt_if100/label_smooth.py'
train_dataloader = dict(dataset=dict(imbalance=50))
