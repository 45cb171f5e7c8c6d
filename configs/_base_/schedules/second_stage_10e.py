# ten epochs on a trained model, classes in turn
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
auto_scale_lr = None
train_dataloader = dict(sampler=dict(type='ClassCycleSampler', samples_per_class=4))
