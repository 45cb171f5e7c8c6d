_base_ = 'ce_imagenet_lt.py'
# LDAM, from epoch 80 on with effective-number weights (Cao et al., NeurIPS 2019)
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(_delete_=True, type='LDAMLoss')))
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[dict(begin=80, loss=dict(type='LDAMLoss', class_weight='effective', avg='weight'))],
    )
)
