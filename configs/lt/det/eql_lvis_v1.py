_base_ = 'ce_lvis_v1.py'
# equalization loss (Tan et al., CVPR 2020)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='EqualizationLoss', threshold=1.1e-3))))
