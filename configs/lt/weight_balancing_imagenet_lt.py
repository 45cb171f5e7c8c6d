_base_ = [
    '../_base_/datasets/imagenet_lt.py',
    '../_base_/models/resnet10.py',
    '../_base_/schedules/classifier_10e.py',
    '../_base_/default_runtime.py',
]
# weight balancing, stage 2 (Alshammari et al., CVPR 2022): class-balanced loss, weight decay and MaxNorm on the
# classifier of a model trained with weight decay 5e-3
load_from = 'work_dirs/ce_imagenet_lt/epoch_100.pth'
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=0.1))
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', beta=0.9999)))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
custom_hooks = [dict(type='MaxNormHook', path='head.fc')]
