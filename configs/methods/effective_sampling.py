# Class probability n over its effective number. Cui et al., CVPR 2019, arXiv:1901.05555.
train_dataloader = dict(sampler=dict(type='EffectiveNumberSampler', beta=0.999))
