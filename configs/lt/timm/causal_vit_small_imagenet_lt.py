_base_ = 'ce_vit_small_imagenet_lt.py'
# causal classifier with the total direct effect at test (Tang et al., NeurIPS 2020)
model = dict(head=dict(classifier=dict(type='CausalLinear', num_heads=2, scale=16.0, alpha=3.0)))
