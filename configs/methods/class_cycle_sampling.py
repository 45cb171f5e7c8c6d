# Class-aware sampling, 4 images a visit of a class. Shen et al., ECCV 2016, arXiv:1512.05830.
train_dataloader = dict(sampler=dict(type='ClassCycleSampler', samples_per_class=4))
