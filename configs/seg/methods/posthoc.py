# Post-hoc logit adjustment, for testing a plain checkpoint. Menon et al., ICLR 2021, arXiv:2007.07314.
model = dict(logit_adjust=dict(tau=1.0, class_counts='{{class_counts}}'))
