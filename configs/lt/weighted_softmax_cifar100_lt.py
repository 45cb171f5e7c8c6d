_base_ = 'ce_cifar100_lt.py'
# weights 1 - ln(n / n_max)
model = dict(head=dict(loss=dict(_delete_=True, type='WeightedSoftmaxLoss', form='log')))
