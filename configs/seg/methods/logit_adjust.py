# Logit adjustment in the loss, pixels as counts. Menon et al., ICLR 2021, arXiv:2007.07314.
model = dict(decode_head=dict(loss_decode=dict(type='LogitAdjustLoss', tau=1.0, class_counts='{{class_counts}}')))
