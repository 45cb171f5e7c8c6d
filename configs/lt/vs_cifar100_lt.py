_base_ = 'ce_cifar100_lt.py'
# vector scaling (Kini et al., NeurIPS 2021)
model = dict(head=dict(loss=dict(_delete_=True, type='VSLoss', gamma=0.3, tau=1.0)))
