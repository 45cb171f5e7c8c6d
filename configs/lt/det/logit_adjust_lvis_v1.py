_base_ = 'ce_lvis_v1.py'
# logit adjustment (Menon et al., ICLR 2021); the background keeps its share
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='LogitAdjustLoss', tau=0.5))))
