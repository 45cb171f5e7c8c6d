_base_ = '../_base_/second_stage/cifar100_lt.py'
# classifier re-training (Kang et al., ICLR 2020): classifier anew, class-aware sampling
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassCycleSampler', samples_per_class=4))
default_hooks = dict(stages=dict(stages=[dict(begin=0, freeze=['backbone'], reinit=['head.fc'])]))
