# A cosine classifier on a frozen ViT, logit adjustment. Shi et al., ICML 2024, arXiv:2309.10019.
_base_ = 'lift.py'
model = dict(adapter='none')
