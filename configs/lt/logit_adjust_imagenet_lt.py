_base_ = 'ce_imagenet_lt.py'
# logit adjustment in the loss (Menon et al., ICLR 2021)
model = dict(head=dict(loss=dict(_delete_=True, type='LogitAdjustLoss', tau=1.0)))
