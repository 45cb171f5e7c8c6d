_base_ = '../../ce_cifar100_lt.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='SquareRootSampler'))
