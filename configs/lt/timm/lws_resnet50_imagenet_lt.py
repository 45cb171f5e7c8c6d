_base_ = [
    '../../_base_/datasets/imagenet_lt.py',
    '../../_base_/timm/resnet50.py',
    '../../_base_/schedules/classifier_10e.py',
    '../../_base_/default_runtime.py',
]
# learnable weight scaling (Kang et al., ICLR 2020) on the frozen backbone: one scale a class, class-aware sampling
load_from = 'work_dirs/ce_resnet50_imagenet_lt/epoch_100.pth'
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassCycleSampler', samples_per_class=4))
model = dict(head=dict(classifier=dict(type='LWSLinear')))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
