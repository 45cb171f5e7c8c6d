# Sharpness-aware minimization of the tail's loss alone. Zhou et al., ICCV 2023, arXiv:2308.07815.
optim_wrapper = dict(type='SAMOptimWrapper', rho=0.05, form='tail', few=20)
model = dict(head=dict(type='LongTailClsHead'))
