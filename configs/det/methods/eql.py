# Equalization loss. Tan et al., CVPR 2020, arXiv:2003.05176.
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='EqualizationLoss', threshold=1.1e-3))))
