_base_ = 'ce_cifar100_lt.py'
# progressively balanced sampling (Kang et al., ICLR 2020)
train_dataloader = dict(sampler=dict(_delete_=True, type='ProgressivelyBalancedSampler', max_epochs=200))
