# Adaptive class suppression on a trained detector. Wang et al., CVPR 2021, arXiv:2104.00885.
_base_ = '../../_base_/det/second_stage.py'
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='AdaptiveClassSuppressionLoss'))))
