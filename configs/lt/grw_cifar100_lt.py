_base_ = 'ce_cifar100_lt.py'
# DisAlign's generalized re-weighting alone (Zhang et al., CVPR 2021)
model = dict(head=dict(loss=dict(_delete_=True, type='GeneralizedReweightLoss', rho=1.2)))
