# the classifier alone, 12 epochs from a trained detector, as BAGS does (Li et al., CVPR 2020)
_base_ = '../../lt/det/ce_coco.py'
load_from = 'work_dirs/ce_coco/epoch_12.pth'
optim_wrapper = dict(optimizer=dict(lr=0.01), clip_grad=dict(max_norm=35, norm_type=2))
rest = [
    'backbone',
    'neck',
    'rpn_head',
    'roi_head.mask_head',
    'roi_head.bbox_head.shared_fcs',
    'roi_head.bbox_head.fc_reg',
]
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=rest, bn='frozen')]))
