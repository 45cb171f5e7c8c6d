_base_ = '../_base_/second_stage/cifar100_lt.py'
# learnable weight scaling (Kang et al., ICLR 2020): one scale a class, class-aware sampling
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassCycleSampler', samples_per_class=4))
model = dict(head=dict(classifier=dict(type='LWSLinear')))
