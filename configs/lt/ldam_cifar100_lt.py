_base_ = 'ce_cifar100_lt.py'
# label-distribution-aware margins (Cao et al., NeurIPS 2019)
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(_delete_=True, type='LDAMLoss')))
