_base_ = '../../_base_/det/classifier_lvis_v1.py'
# adaptive class suppression (Wang et al., CVPR 2021)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='AdaptiveClassSuppressionLoss'))))
