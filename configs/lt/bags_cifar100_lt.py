_base_ = '../_base_/second_stage/cifar100_lt.py'
# balanced group softmax (Li et al., CVPR 2020), classification form; the layer needs the counts when it is built
counts = [int(500 * 0.01 ** (c / 99)) for c in range(100)]
model = dict(
    head=dict(
        classifier=dict(type='GroupSoftmaxLinear', class_counts=counts, bins=(10, 100)),
        loss=dict(_delete_=True, type='BalancedGroupSoftmaxLoss', bins=(10, 100)),
    )
)
