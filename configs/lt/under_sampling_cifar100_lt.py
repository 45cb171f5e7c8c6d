_base_ = 'ce_cifar100_lt.py'
# as many images of each class as the smallest has
train_dataloader = dict(sampler=dict(_delete_=True, type='RandomUnderSampler'))
