_base_ = '../../ce_cifar100_lt.py'
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(_delete_=True, type='LDAMLoss')))
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[dict(begin=160, loss=dict(type='LDAMLoss', class_weight='effective', avg='weight'))],
    )
)
