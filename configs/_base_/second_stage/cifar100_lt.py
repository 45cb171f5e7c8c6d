# 10 epochs of the classifier on the frozen backbone of a plain model; batch norm's statistics go on (bn='update')
_base_ = [
    '../datasets/cifar100_lt.py',
    '../models/resnet32_cifar.py',
    '../schedules/classifier_10e.py',
    '../default_runtime.py',
]
model = dict(head=dict(num_classes=100))
load_from = 'work_dirs/ce_cifar100_lt/epoch_200.pth'
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))
