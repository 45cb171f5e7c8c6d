_base_ = 'ce_inat2018.py'
# class-balanced sampling from scratch
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
