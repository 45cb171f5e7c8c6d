# DisAlign, 4000 iterations on the frozen network. Zhang et al., CVPR 2021, arXiv:2103.16370.
load_from = 'work_dirs/{{name}}/iter_{{train_cfg.max_iters}}.pth'
_loss = dict(type='GeneralizedReweightLoss', rho=0.2, class_counts='{{class_counts}}')
model = dict(classifier=dict(type='DisAlignLinear'), freeze=True, auxiliary_head=None,
             decode_head=dict(loss_decode=_loss))
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, end=4000, by_epoch=False)]
train_cfg = dict(max_iters=4000, val_interval=4000)
default_hooks = dict(checkpoint=dict(interval=4000))
