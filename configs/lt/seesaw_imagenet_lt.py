_base_ = 'ce_imagenet_lt.py'
# seesaw loss (Wang et al., CVPR 2021)
model = dict(
    head=dict(classifier=dict(type='CosineLinear', scale=20.0), loss=dict(_delete_=True, type='SeesawSoftmaxLoss'))
)
