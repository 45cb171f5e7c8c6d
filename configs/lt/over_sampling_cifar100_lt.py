_base_ = 'ce_cifar100_lt.py'
# images of each class repeated up to the largest class
train_dataloader = dict(sampler=dict(_delete_=True, type='RandomOverSampler'))
