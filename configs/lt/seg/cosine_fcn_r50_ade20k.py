_base_ = 'ce_fcn_r50_ade20k.py'
# cosine classifier in the place of conv_seg
model = dict(classifier=dict(type='CosineLinear', scale=20))
