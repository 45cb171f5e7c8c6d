_base_ = 'ce_cifar100_lt.py'
# from plain to balanced sampling on a schedule (Dynamic Curriculum Learning, Wang et al., ICCV 2019)
train_dataloader = dict(sampler=dict(_delete_=True, type='CurriculumSampler', max_epochs=200, schedule='convex'))
