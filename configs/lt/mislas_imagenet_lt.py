_base_ = [
    '../_base_/datasets/imagenet_lt.py',
    '../_base_/models/resnet50.py',
    '../_base_/schedules/classifier_10e.py',
    '../_base_/default_runtime.py',
]
# MiSLAS, second run (Zhong et al., CVPR 2021): scales train, weights slowly, label-aware smoothing, shifted batch norm
load_from = 'work_dirs/mixup_mislas_imagenet_lt/epoch_180.pth'
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
loss = dict(_delete_=True, type='LabelAwareSmoothLoss', smooth_head=0.3, smooth_tail=0.0)
model = dict(head=dict(classifier=dict(type='LWSLinear', freeze=False), loss=loss))
slow = dict(lr_mult=0.05)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.fc.weight': slow, 'head.fc.bias': slow}))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'], bn='update')]))
