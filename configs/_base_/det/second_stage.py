# the classifier of a trained detector alone: the rest is frozen
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
_rest = ['backbone', 'neck', 'rpn_head', 'roi_head.mask_head', 'roi_head.bbox_head.shared_fcs',
         'roi_head.bbox_head.fc_reg']
_stages = [dict(begin=0, freeze=_rest, bn='frozen')]
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=_stages))
optim_wrapper = dict(optimizer=dict(lr=0.01), clip_grad=dict(max_norm=35, norm_type=2))
