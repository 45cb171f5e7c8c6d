_base_ = '../../ce_cifar10_lt.py'
train_dataloader = dict(
    dataset=dict(imbalance=50), sampler=dict(_delete_=True, type='ProgressivelyBalancedSampler', max_epochs=200)
)
