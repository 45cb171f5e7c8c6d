_base_ = 'ce_cifar100_lt.py'
# class probability n^q, between class-balanced (0) and plain (1) sampling (Kang et al., ICLR 2020)
train_dataloader = dict(sampler=dict(_delete_=True, type='PowerSampler', q=0.25))
