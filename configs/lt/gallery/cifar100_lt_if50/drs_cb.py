_base_ = '../cifar100_lt_if100/drs_cb.py'
train_dataloader = dict(dataset=dict(imbalance=50))
