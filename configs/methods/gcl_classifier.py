# GCL's second run, after gcl: the classifier on balanced, mixed images. Li et al., CVPR 2022, arXiv:2305.11733.
load_from = 'work_dirs/gcl_{{config}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=30, val_interval=10)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.004, momentum=0.9, weight_decay=2e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=30, by_epoch=True)]
auto_scale_lr = None
train_dataloader = dict(sampler=dict(type='ClassBalancedSampler'))
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)), head=dict(
    classifier=dict(type='CosineLinear', scale=20.0), loss=dict(type='GCLLoss', margin=0.1, scale=20.0, gamma=1.0)))
_stages = [dict(begin=0, freeze=['backbone'], bn='frozen')]
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=_stages))
tuned = dict(cifar10_lt={'train_dataloader.batch_size': 64}, cifar100_lt={'train_dataloader.batch_size': 64})
