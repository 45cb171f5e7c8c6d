_base_ = '../cifar10_lt_if100/balanced_softmax.py'
train_dataloader = dict(dataset=dict(imbalance=50))
