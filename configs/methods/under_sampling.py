# As many images of each class as the smallest has. Buda et al., Neural Networks 2018, arXiv:1710.05381.
train_dataloader = dict(sampler=dict(type='RandomUnderSampler'))
