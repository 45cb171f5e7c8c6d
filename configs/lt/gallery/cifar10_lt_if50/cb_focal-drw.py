_base_ = '../cifar10_lt_if100/cb_focal-drw.py'
train_dataloader = dict(dataset=dict(imbalance=50))
model = dict(head=dict(loss=dict(gamma=2.0)))
default_hooks = dict(
    stages=dict(stages=[dict(begin=160, loss=dict(type='ClassBalancedLoss', base='focal', beta=0.9999, gamma=2.0))])
)
