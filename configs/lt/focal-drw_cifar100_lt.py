_base_ = 'ce_cifar100_lt.py'
# cross entropy, then from epoch 160 on focal loss on the softmax (Lin et al., ICCV 2017)
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[dict(begin=160, loss=dict(type='SoftmaxFocalLoss', gamma=2.0, class_weight='inverse'))],
    )
)
