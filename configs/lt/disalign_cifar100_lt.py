_base_ = '../_base_/second_stage/cifar100_lt.py'
# DisAlign (Zhang et al., CVPR 2021): scale and margin a class, gated by a confidence, re-weighted
model = dict(
    head=dict(classifier=dict(type='DisAlignLinear'), loss=dict(_delete_=True, type='GeneralizedReweightLoss', rho=1.2))
)
