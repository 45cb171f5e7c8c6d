_base_ = [
    '../_base_/datasets/cifar10_lt_mini.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/classifier_10e.py',
    '../_base_/default_runtime.py',
]
# MiSLAS, second run (Zhong et al., CVPR 2021): scales train, weights slowly, label-aware smoothing, shifted batch norm
load_from = 'work_dirs/cifar10_lt_mini/mixup/seed_0/epoch_45.pth'
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
loss = dict(_delete_=True, type='LabelAwareSmoothLoss', smooth_head=0.3, smooth_tail=0.0)
model = dict(head=dict(classifier=dict(type='LWSLinear', freeze=False), loss=loss))
slow = dict(lr_mult=0.5)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.fc.weight': slow, 'head.fc.bias': slow}))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'], bn='update')]))
