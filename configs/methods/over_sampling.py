# Images of each class repeated up to the largest class. Buda et al., Neural Networks 2018, arXiv:1710.05381.
train_dataloader = dict(sampler=dict(type='RandomOverSampler'))
