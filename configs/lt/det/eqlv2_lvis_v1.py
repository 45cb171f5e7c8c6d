_base_ = 'ce_lvis_v1.py'
# equalization loss v2 (Tan et al., CVPR 2021)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='EqualizationLossV2'))))
