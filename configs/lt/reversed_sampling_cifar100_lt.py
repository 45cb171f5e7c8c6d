_base_ = 'ce_cifar100_lt.py'
# class probability 1 / n (the second branch of BBN, Zhou et al., CVPR 2020)
train_dataloader = dict(sampler=dict(_delete_=True, type='ReversedSampler'))
