_base_ = '../cifar10_lt_if100/cdt-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
