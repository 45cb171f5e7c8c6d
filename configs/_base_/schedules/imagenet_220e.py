# 160 + 40 + 20 epochs, batch 512: the three released stages of Zhang et al., AAAI 2021, in one run
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=1e-4, nesterov=True))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=True),
    dict(type='MultiStepLR', milestones=[120, 160, 208, 216], gamma=0.1),
]
train_cfg = dict(by_epoch=True, max_epochs=220, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=512)
