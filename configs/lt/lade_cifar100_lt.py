_base_ = 'ce_cifar100_lt.py'
# LADE (Hong et al., CVPR 2021)
model = dict(head=dict(loss=dict(_delete_=True, type='LADELoss', remine_lambda=0.01, alpha=0.1)))
