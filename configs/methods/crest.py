# A generation of CReST+ on FixMatch, for tools/crest.py. Wei et al., CVPR 2021, arXiv:2102.09559: 65536 steps each.
model = dict(type='FixMatchClassifier', threshold=0.95, align=dict(t=1.0, window=128))
_optimizer = dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=5e-4, nesterov=True)
optim_wrapper = dict(_delete_=True, optimizer=_optimizer)
param_scheduler = [dict(type='CosineAnnealingLR', T_max='{{train_cfg.max_epochs}}', by_epoch=True)]
_weak = [dict(type='RandomCrop', crop_size=32, padding=4), dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]
_strong = [*_weak[:2], dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=10),
           dict(type='Cutout', shape=16, pad_val=127, prob=1.0), dict(type='PackInputs')]
custom_hooks = [dict(type='UnlabelledHook', dataset='{{unlabelled}}', weak=_weak, strong=_strong, ratio=7),
                dict(type='EMAHook', momentum=0.001)]
# as released: a rate that falls by 2 % alone, and batch norm does not decay
_cifar = {'param_scheduler': [dict(type='ConstantLR', factor=1.0)],
          'optim_wrapper.paramwise_cfg': dict(norm_decay_mult=0.0)}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar)
