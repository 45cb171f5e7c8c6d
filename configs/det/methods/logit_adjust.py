# Logit adjustment; the background keeps its share. Menon et al., ICLR 2021, arXiv:2007.07314.
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='LogitAdjustLoss', tau=0.5))))
