# A class uniformly, then one of its images. Shen et al., ECCV 2016, arXiv:1512.05830.
train_dataloader = dict(sampler=dict(type='ClassBalancedSampler'))
