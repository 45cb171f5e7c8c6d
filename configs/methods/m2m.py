# M2m: late in the run head images translated to the tail. Kim et al., CVPR 2020, arXiv:2004.00431.
# The plain run, its generator, comes first; beta is for 5,000 images of the first class.
_config = dict(model='{{model}}', data_preprocessor='{{data_preprocessor}}')
_generator = dict(config=_config, checkpoint='work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth')
_augments = dict(type='MajorToMinor', generator=_generator, beta=0.999, lam=0.5, gamma=0.9)
_stage = dict(begin=0.8, sampler=dict(type='ClassBalancedSampler'), batch_augments=_augments)
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
tuned = dict(cifar10_lt_mini={'default_hooks.stages.stages.0.batch_augments.beta': 0.9945})  # 900 images
