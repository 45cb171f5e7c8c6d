_base_ = 'ce_fcn_r50_ade20k.py'
# post-hoc logit adjustment (Menon et al., ICLR 2021): test a checkpoint of the cross entropy run with this config
model = dict(logit_adjust=dict(tau=1.0, class_counts={{_base_.class_counts}}))
