# Class-balanced sampling from the first epoch. Kang et al., ICLR 2020, arXiv:1910.09217.
train_dataloader = dict(sampler=dict(type='ClassBalancedSampler'))
