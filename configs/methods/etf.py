# Fixed simplex classifier; it needs as many channels as classes. Yang et al., NeurIPS 2022, arXiv:2203.09081.
model = dict(head=dict(classifier=dict(type='ETFLinear')))
tuned = dict(
    cifar100_lt={'model.backbone.base_channels': 32, 'model.head.in_channels': 128},
    imagenet_lt={'model.backbone': dict(_delete_=True, type='ResNet', depth=50), 'model.head.in_channels': 2048},
)
