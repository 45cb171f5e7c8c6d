_base_ = 'ce_cifar100_lt.py'
# class-dependent temperatures (Ye et al., 2020)
model = dict(head=dict(loss=dict(_delete_=True, type='CDTLoss', gamma=0.2)))
