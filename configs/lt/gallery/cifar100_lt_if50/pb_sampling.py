_base_ = '../cifar100_lt_if100/pb_sampling.py'
train_dataloader = dict(dataset=dict(imbalance=50))
