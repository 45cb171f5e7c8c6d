_base_ = 'ce_cifar100_lt.py'
# equalization loss on sigmoids (Tan et al., CVPR 2020); each sigmoid starts at 1 / C
model = dict(
    head=dict(
        init_cfg=dict(type='Normal', layer='Linear', std=0.01, bias_prob=0.01),
        loss=dict(_delete_=True, type='EqualizationLoss', threshold=0.005),
    )
)
