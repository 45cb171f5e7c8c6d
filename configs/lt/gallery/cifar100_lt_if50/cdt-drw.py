_base_ = '../cifar100_lt_if100/cdt-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
