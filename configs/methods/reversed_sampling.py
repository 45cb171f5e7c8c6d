# Class probability 1 / n, that of BBN's second branch. Zhou et al., CVPR 2020, arXiv:1912.02413.
train_dataloader = dict(sampler=dict(type='ReversedSampler'))
