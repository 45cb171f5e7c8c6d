_base_ = '../cifar100_lt_if100/cb_focal.py'
train_dataloader = dict(dataset=dict(imbalance=50))
model = dict(head=dict(loss=dict(beta=0.99)))
