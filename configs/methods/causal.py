# Causal classifier, total direct effect at test. Tang et al., NeurIPS 2020, arXiv:2009.12991.
model = dict(head=dict(classifier=dict(type='CausalLinear', num_heads=2, scale=16.0, alpha=3.0)))
tuned = dict(cifar100_lt={'model.head.classifier.alpha': 1.5})
