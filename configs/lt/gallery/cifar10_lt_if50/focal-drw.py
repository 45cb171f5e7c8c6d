_base_ = '../cifar10_lt_if100/focal-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
default_hooks = dict(
    stages=dict(
        stages=[
            dict(begin=160, loss=dict(type='ClassBalancedLoss', base='focal', beta=1.0, gamma=2.0, loss_weight=0.2804))
        ]
    )
)
