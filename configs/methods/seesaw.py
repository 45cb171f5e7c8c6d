# Seesaw loss on a cosine classifier. Wang et al., CVPR 2021, arXiv:2008.10032.
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=20.0), loss=dict(type='SeesawSoftmaxLoss')))
