_base_ = [
    '../_base_/datasets/cifar100_lt.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/classifier_10e.py',
    '../_base_/default_runtime.py',
]
# DisAlign (Zhang et al., CVPR 2021): scale and margin a class, gated by a confidence, re-weighted
load_from = 'work_dirs/ce_cifar100_lt/epoch_200.pth'
model = dict(
    head=dict(
        num_classes=100,
        classifier=dict(type='DisAlignLinear'),
        loss=dict(_delete_=True, type='GeneralizedReweightLoss', rho=1.2),
    )
)
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
