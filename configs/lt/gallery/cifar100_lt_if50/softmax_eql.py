_base_ = '../cifar100_lt_if100/softmax_eql.py'
train_dataloader = dict(dataset=dict(imbalance=50))
model = dict(head=dict(loss=dict(threshold=0.006)))
