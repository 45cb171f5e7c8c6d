_base_ = '../cifar100_lt_if100/mixup-ft.py'
train_dataloader = dict(dataset=dict(imbalance=50))
