_base_ = 'ce_cifar100_lt.py'
# class probability n / effective number (Cui et al., CVPR 2019)
train_dataloader = dict(sampler=dict(_delete_=True, type='EffectiveNumberSampler', beta=0.999))
