_base_ = [
    '../../_base_/datasets/imagenet_lt.py',
    '../../_base_/timm/resnet50.py',
    '../../_base_/schedules/classifier_10e.py',
    '../../_base_/default_runtime.py',
]
# DisAlign (Zhang et al., CVPR 2021) on the frozen backbone
load_from = 'work_dirs/ce_resnet50_imagenet_lt/epoch_100.pth'
model = dict(
    head=dict(classifier=dict(type='DisAlignLinear'), loss=dict(_delete_=True, type='GeneralizedReweightLoss', rho=1.2))
)
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
