_base_ = ['../_base_/second_stage/imagenet_lt.py', '../_base_/counts/imagenet_lt.json']
# balanced group softmax (Li et al., CVPR 2020), classification form; the layer needs the counts when it is built
model = dict(
    head=dict(
        classifier=dict(type='GroupSoftmaxLinear', class_counts={{_base_.class_counts}}, bins=(10, 100, 1000)),
        loss=dict(_delete_=True, type='BalancedGroupSoftmaxLoss', bins=(10, 100, 1000)),
    )
)
