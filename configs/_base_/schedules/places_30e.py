# 30 epochs of fine-tuning an ImageNet model, batch 256 (Kang et al., ICLR 2020);
# give the model with --cfg-options load_from=resnet152.pth
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=10))),
)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=30, convert_to_iter_based=True)]
train_cfg = dict(by_epoch=True, max_epochs=30, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=256)
