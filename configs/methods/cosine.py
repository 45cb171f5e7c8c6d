# Cosine classifier. Gidaris and Komodakis, CVPR 2018, arXiv:1804.09458.
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=16)))
tuned = dict(cifar100_lt={'model.head.classifier.scale': 30.0})
