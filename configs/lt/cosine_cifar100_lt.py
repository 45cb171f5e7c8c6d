_base_ = 'ce_cifar100_lt.py'
# cosine classifier
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0)))
