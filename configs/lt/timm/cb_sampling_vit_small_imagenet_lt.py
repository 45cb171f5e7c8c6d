_base_ = 'ce_vit_small_imagenet_lt.py'
# class-balanced sampling
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
