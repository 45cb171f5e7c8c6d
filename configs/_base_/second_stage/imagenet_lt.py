# 10 epochs of the classifier on the frozen backbone of a plain model; batch norm's statistics go on (bn='update')
_base_ = [
    '../datasets/imagenet_lt.py',
    '../models/resnet10.py',
    '../schedules/classifier_10e.py',
    '../default_runtime.py',
]
load_from = 'work_dirs/ce_imagenet_lt/epoch_100.pth'
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
