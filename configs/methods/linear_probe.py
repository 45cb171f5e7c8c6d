# A linear probe: a cosine classifier on a frozen ViT, cross entropy. Shi et al., ICML 2024, arXiv:2309.10019.
_base_ = 'lift.py'
model = dict(adapter='none', head=dict(loss=dict(_delete_=True, type='CrossEntropyLoss')))
