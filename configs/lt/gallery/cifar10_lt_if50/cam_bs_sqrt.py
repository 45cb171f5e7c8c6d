_base_ = '../cifar10_lt_if100/cam_bs_sqrt.py'
train_dataloader = dict(dataset=dict(imbalance=50))
