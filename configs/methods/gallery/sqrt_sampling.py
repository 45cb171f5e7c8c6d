# Square-root sampling. Mahajan et al., ECCV 2018, arXiv:1805.00932.
train_dataloader = dict(sampler=dict(type='SquareRootSampler'))
