_base_ = '../../ce_cifar10_lt_mini.py'
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(_delete_=True, type='LDAMLoss')))
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[dict(begin=33, loss=dict(type='LDAMLoss', class_weight='effective', avg='weight'))],
    )
)
