# OLTR's memory on a trained model, without its attention. Liu et al., CVPR 2019, arXiv:1904.05160.
_base_ = '../_base_/schedules/second_stage_10e.py'
model = dict(head=dict(classifier=dict(type='MemoryLinear')))
default_hooks = dict(fit=dict(type='FitClassifierHook', pipeline='{{val_dataloader.dataset.pipeline}}'))
_slow = dict(lr_mult=0.1)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'backbone': _slow, 'fc.centroids': _slow}))
_step = dict(type='MultiStepLR', milestones=[20, 40], gamma=0.1)
tuned = dict(imagenet_lt={'train_cfg.max_epochs': 60, 'param_scheduler': [_step]})
