_base_ = [
    '../_base_/datasets/imagenet_lt.py',
    '../_base_/models/resnet50.py',
    '../_base_/schedules/imagenet_180e.py',
    '../_base_/default_runtime.py',
]
# MiSLAS, first run (Zhong et al., CVPR 2021): mixup
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)))
