_base_ = 'ce_lvis_v1.py'
# a class uniformly, then one of its images
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
