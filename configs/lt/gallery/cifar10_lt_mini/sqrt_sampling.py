_base_ = '../../ce_cifar10_lt_mini.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='SquareRootSampler'))
