# Hybrid-PSC: contrast with a prototype a class, then a classifier on balanced draws. Wang et al., CVPR 2021,
# arXiv:2103.14267. No code was released: the learning rate is that of the config below.
_contrast = dict(type='PrototypicalContrastiveLoss', temperature=0.1)
model = dict(type='HybridContrastClassifier', contrast=_contrast, dim=128)
default_hooks = dict(partners=dict(type='PartnerHook'))
