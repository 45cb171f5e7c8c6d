_base_ = 'ce_vit_small_imagenet_lt.py'
# cosine classifier
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=16)))
