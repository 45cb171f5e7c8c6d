# LIFT+ without its schedule of crops: half of LIFT's epochs, twice its rate. Shi et al., 2025, arXiv:2504.13282.
_base_ = 'lift.py'
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=5, by_epoch=True)]
train_cfg = dict(max_epochs=5, val_interval=5)
tuned = dict(inat2018={'train_cfg.max_epochs': 15, 'param_scheduler.0.T_max': 15})
