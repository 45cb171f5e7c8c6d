_base_ = '../../ce_cifar10_lt.py'
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(_delete_=True, type='LDAMLoss')))
