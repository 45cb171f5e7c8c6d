# Manifold mixup. Verma et al., ICML 2019, arXiv:1806.05236.
_base_ = 'mixup.py'
model = dict(train_cfg=dict(augments=dict(type='ManifoldMixup', layer='neck')))
