# Equalization loss v2. Tan et al., CVPR 2021, arXiv:2012.08548.
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='EqualizationLossV2'))))
