# From plain to balanced sampling on a schedule: dynamic curriculum learning. Wang et al., ICCV 2019, arXiv:1901.06783.
train_dataloader = dict(
    sampler=dict(type='CurriculumSampler', max_epochs='{{train_cfg.max_epochs}}', schedule='convex'))
