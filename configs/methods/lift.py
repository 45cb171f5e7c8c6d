# LIFT: adapters in a frozen ViT, a cosine classifier from class means. Shi et al., ICML 2024, arXiv:2309.10019.
# It starts from text instead with --cfg-options model.text_weights=FILE default_hooks.fit=None.
model = dict(
    type='LIFTClassifier',
    adapter='adaptformer',
    head=dict(classifier=dict(type='CosineLinear', scale=25.0), loss=dict(type='LogitAdjustLoss', tau=1.0)),
)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
train_cfg = dict(max_epochs=10, val_interval=10)
default_hooks = dict(fit=dict(type='FitClassifierHook', pipeline='{{val_dataloader.dataset.pipeline}}'))
auto_scale_lr = dict(base_batch_size=128)
tuned = dict(inat2018={'train_cfg.max_epochs': 20, 'param_scheduler.0.T_max': 20})
