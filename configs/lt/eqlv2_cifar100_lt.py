_base_ = 'ce_cifar100_lt.py'
# equalization loss v2 (Tan et al., CVPR 2021)
model = dict(head=dict(loss=dict(_delete_=True, type='EqualizationLossV2')))
