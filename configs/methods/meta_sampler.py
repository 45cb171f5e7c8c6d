# Balanced meta-softmax, second run: the classifier anew, drawn by learnt rates. Ren et al., NeurIPS 2020, 2007.10740.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
auto_scale_lr = None
train_dataloader = dict(sampler=dict(type='MetaSampler'))
model = dict(head=dict(loss=dict(type='BalancedSoftmaxLoss')))
_stage = dict(begin=0, freeze=['backbone'], reinit=['head.fc'])
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=[_stage]))
custom_hooks = [dict(type='MetaSamplerHook')]
_sampler = 'train_dataloader.sampler'
_cifar = {f'{_sampler}.lr': 0.01, 'train_dataloader.batch_size': 512}
tuned = dict(
    cifar10_lt=_cifar, cifar100_lt=_cifar, cifar10_lt_mini={**_cifar, 'train_dataloader.batch_size': 128},
    imagenet_lt={f'{_sampler}.init_pow': 0.1},
    places_lt={f'{_sampler}.init_pow': 0.3, 'optim_wrapper.optimizer.lr': 0.02, 'train_dataloader.batch_size': 256})
