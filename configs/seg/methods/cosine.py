# Cosine classifier in the place of conv_seg. Gidaris and Komodakis, CVPR 2018, arXiv:1804.09458.
model = dict(classifier=dict(type='CosineLinear', scale=20))
