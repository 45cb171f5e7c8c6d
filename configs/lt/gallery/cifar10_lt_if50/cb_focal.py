_base_ = '../cifar10_lt_if100/cb_focal.py'
train_dataloader = dict(dataset=dict(imbalance=50))
model = dict(head=dict(loss=dict(gamma=2.0)))
