# Balanced group softmax (BAGS) on a trained detector. Li et al., CVPR 2020, arXiv:2006.10408.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
_rest = ['backbone', 'neck', 'rpn_head', 'roi_head.mask_head', 'roi_head.bbox_head.shared_fcs',
         'roi_head.bbox_head.fc_reg']
_stages = [dict(begin=0, freeze=_rest, bn='frozen')]
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=_stages))
optim_wrapper = dict(optimizer=dict(lr=0.01), clip_grad=dict(max_norm=35, norm_type=2))
_loss = dict(type='BalancedGroupSoftmaxLoss', bins=(10, 100, 1000))
model = dict(roi_head=dict(bbox_head=dict(loss_cls=_loss)))
_bins = 'model.roi_head.bbox_head.loss_cls.bins'
tuned = dict(coco={_bins: (2000, 6000, 20000)})  # whose classes have 200 to 260,000 instances
