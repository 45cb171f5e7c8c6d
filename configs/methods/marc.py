# MARC on a trained model: a scale and a margin a class, re-weighted. Wang et al., ACML 2022, arXiv:2112.07225.
_base_ = 'disalign.py'
optim_wrapper = dict(optimizer=dict(lr=0.05))
model = dict(head=dict(classifier=dict(type='MARCLinear')))
