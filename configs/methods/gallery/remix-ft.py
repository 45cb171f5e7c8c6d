# Remix, at last without it. Chou et al., ECCVW 2020, arXiv:2007.03943.
_base_ = 'mixup-ft.py'
model = dict(train_cfg=dict(augments=dict(type='Remix')))
