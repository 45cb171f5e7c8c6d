_base_ = '../cifar10_lt_if100/manifold_mixup-ft.py'
train_dataloader = dict(dataset=dict(imbalance=50))
