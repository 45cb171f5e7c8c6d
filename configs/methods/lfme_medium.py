# The expert of LFME for the classes in the middle. Xiang et al., ECCV 2020, arXiv:2001.01536.
train_dataloader = dict(sampler=dict(type='ClassGroupSampler', group='medium'))
