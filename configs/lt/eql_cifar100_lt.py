_base_ = 'ce_cifar100_lt.py'
# equalization loss on sigmoids (Tan et al., CVPR 2020)
model = dict(head=dict(loss=dict(_delete_=True, type='EqualizationLoss', threshold=0.005)))
