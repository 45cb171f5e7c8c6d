_base_ = 'ce_cifar100_lt.py'
# class-aware sampling, 4 images a visit of a class (Shen et al., ECCV 2016)
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassCycleSampler', samples_per_class=4))
