# Remix. Chou et al., ECCVW 2020, arXiv:2007.03943.
_base_ = 'mixup.py'
model = dict(train_cfg=dict(augments=dict(type='Remix')))
