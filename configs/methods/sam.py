# Sharpness-aware minimization; beside any loss. Foret et al., ICLR 2021, arXiv:2010.01412.
optim_wrapper = dict(type='SAMOptimWrapper', rho=0.05)
