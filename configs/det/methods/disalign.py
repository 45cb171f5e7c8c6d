# DisAlign on a trained detector, 2 epochs, near its 9000 iterations. Zhang et al., CVPR 2021, arXiv:2103.16370.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
_rest = ['backbone', 'neck', 'rpn_head', 'roi_head.mask_head', 'roi_head.bbox_head.shared_fcs',
         'roi_head.bbox_head.fc_reg']
_stages = [dict(begin=0, freeze=_rest, bn='frozen')]
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=_stages))
optim_wrapper = dict(optimizer=dict(lr=0.02), clip_grad=dict(max_norm=35, norm_type=2))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[1])]
train_cfg = dict(max_epochs=2)
_loss = dict(type='GeneralizedReweightLoss', rho=0.8)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=dict(type='DisAlignLinear'), loss_cls=_loss)))
