_base_ = '../../ce_cifar100_lt.py'
model = dict(
    head=dict(
        init_cfg=dict(type='Normal', layer='Linear', std=0.01, bias_prob=0.01),
        loss=dict(_delete_=True, type='ClassBalancedLoss', base='focal', beta=0.9, gamma=1.0),
    )
)
