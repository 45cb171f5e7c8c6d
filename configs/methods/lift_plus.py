# LIFT+: LIFT's adapters in half the epochs at twice the learning rate. Shi et al., ICML 2024, arXiv:2309.10019.
_base_ = 'lift.py'
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=5, by_epoch=True)]
train_cfg = dict(max_epochs=5, val_interval=5)
tuned = dict(inat2018={'train_cfg.max_epochs': 10, 'param_scheduler.0.T_max': 10})
