_base_ = 'ce_upernet_r50_ade20k.py'
# logit adjustment in the loss (Menon et al., ICLR 2021), pixels as counts
model = dict(decode_head=dict(loss_decode=dict(type='LogitAdjustLoss', tau=1.0, class_counts={{_base_.class_counts}})))
