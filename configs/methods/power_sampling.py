# Class probability n^q, between class-balanced (0) and plain (1) sampling. Kang et al., ICLR 2020, arXiv:1910.09217.
train_dataloader = dict(sampler=dict(type='PowerSampler', q=0.25))
