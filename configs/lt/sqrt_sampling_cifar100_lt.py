_base_ = 'ce_cifar100_lt.py'
# square-root sampling from scratch (Mahajan et al., ECCV 2018)
train_dataloader = dict(sampler=dict(_delete_=True, type='SquareRootSampler'))
