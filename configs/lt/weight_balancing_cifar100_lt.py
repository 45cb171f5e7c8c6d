_base_ = [
    '../_base_/datasets/cifar100_lt.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/classifier_10e.py',
    '../_base_/default_runtime.py',
]
# weight balancing, stage 2 (Alshammari et al., CVPR 2022): class-balanced loss, weight decay and MaxNorm on the
# classifier of a model trained with weight decay 5e-3
load_from = 'work_dirs/ce_cifar100_lt/epoch_200.pth'
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=0.1))
model = dict(head=dict(num_classes=100, loss=dict(_delete_=True, type='ClassBalancedLoss', beta=0.9999)))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
custom_hooks = [dict(type='MaxNormHook', path='head.fc')]
