_base_ = '../cifar10_lt_if100/mixup-cam_bs.py'
train_dataloader = dict(dataset=dict(imbalance=50))
