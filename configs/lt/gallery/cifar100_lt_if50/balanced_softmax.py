_base_ = '../cifar100_lt_if100/balanced_softmax.py'
train_dataloader = dict(dataset=dict(imbalance=50))
