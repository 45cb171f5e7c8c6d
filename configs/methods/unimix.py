# UniMix and the Bayias loss, which is logit adjustment. Xu et al., NeurIPS 2021, arXiv:2111.03874.
train_dataloader = dict(batch_size=64)
_augments = dict(type='UniMix', alpha=0.8, tau=-1.0)
model = dict(head=dict(loss=dict(type='LogitAdjustLoss', tau=1.0)), train_cfg=dict(augments=_augments))
default_hooks = dict(partners=dict(type='PartnerHook'))
