_base_ = 'ce_cifar100_lt.py'
# class-balanced sampling from scratch
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
