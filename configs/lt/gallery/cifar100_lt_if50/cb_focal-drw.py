_base_ = '../cifar100_lt_if100/cb_focal-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
default_hooks = dict(
    stages=dict(stages=[dict(begin=160, loss=dict(type='ClassBalancedLoss', base='focal', beta=0.99, gamma=1.0))])
)
