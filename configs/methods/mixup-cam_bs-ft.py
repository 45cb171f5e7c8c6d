# Mixup; late in the run CAM-based sampling; at last neither of them. Zhang et al., AAAI 2021: the best combination.
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
_stages = [dict(begin=0.8, sampler=dict(type='ClassBalancedSampler'), cam=dict()),
           dict(begin=0.9, batch_augments=None, cam=None)]
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=_stages))
# the three released runs of 160, 40 and 20 epochs in one; published top-1: 43.13 on ImageNet-LT, 70.87 on iNaturalist
_long = {
    'train_cfg.max_epochs': 220,
    'param_scheduler': [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=True),
                        dict(type='MultiStepLR', milestones=[120, 160, 208, 216], gamma=0.1)],
    'default_hooks.stages.stages': {'0': dict(begin=160, cam=dict(cached=True, limit=100)), '1': dict(begin=200)},
}
tuned = dict(imagenet_lt=_long, inat2018=dict(_long, **{'default_hooks.stages.stages.0.cam.limit': 50}))
