# 45 epochs for two CPU cores, x 0.1 at 33 and 40
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, end=3),
    dict(type='MultiStepLR', milestones=[33, 40], gamma=0.1),
]
train_cfg = dict(by_epoch=True, max_epochs=45, val_interval=45)
val_cfg = dict()
test_cfg = dict()
