_base_ = 'ce_fcn_r50_ade20k.py'
# DisAlign (Zhang et al., CVPR 2021): 4000 iterations on the frozen network
load_from = 'work_dirs/ce_fcn_r50_ade20k/iter_160000.pth'
model = dict(
    classifier=dict(type='DisAlignLinear'),
    freeze=True,
    auxiliary_head=None,
    decode_head=dict(loss_decode=dict(type='GeneralizedReweightLoss', rho=0.2, class_counts={{_base_.class_counts}})),
)
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, end=4000, by_epoch=False)]
train_cfg = dict(max_iters=4000, val_interval=4000)
default_hooks = dict(checkpoint=dict(interval=4000))
