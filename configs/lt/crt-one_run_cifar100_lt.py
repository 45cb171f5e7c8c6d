_base_ = 'ce_cifar100_lt.py'
# classifier re-training (Kang et al., ICLR 2020) as ten more epochs of the same run
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
    dict(type='MultiStepLR', milestones=[160, 180], gamma=0.01),
    dict(type='CosineAnnealingLR', begin=200, end=210, T_max=10),
]
train_cfg = dict(max_epochs=210)
cycle = dict(type='ClassCycleSampler', samples_per_class=4)
stage2 = dict(begin=200, freeze=['backbone'], reinit=['head.fc'], lr=0.1, sampler=cycle)
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[stage2]))
