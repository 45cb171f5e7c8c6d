# Progressively balanced sampling. Kang et al., ICLR 2020, arXiv:1910.09217.
train_dataloader = dict(sampler=dict(type='ProgressivelyBalancedSampler', max_epochs='{{train_cfg.max_epochs}}'))
