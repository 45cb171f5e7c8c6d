_base_ = 'ce_cifar100_lt.py'
# UniMix and the Bayias loss, which is logit adjustment (Xu et al., NeurIPS 2021)
train_dataloader = dict(batch_size=64)
model = dict(
    head=dict(loss=dict(_delete_=True, type='LogitAdjustLoss', tau=1.0)),
    train_cfg=dict(augments=dict(type='UniMix', alpha=0.8, tau=-1.0)),
)
default_hooks = dict(partners=dict(type='PartnerHook'))
