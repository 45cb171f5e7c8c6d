# Logit adjustment in the loss. Menon et al., ICLR 2021, arXiv:2007.07314.
model = dict(head=dict(loss=dict(type='LogitAdjustLoss', tau=1.0)))
