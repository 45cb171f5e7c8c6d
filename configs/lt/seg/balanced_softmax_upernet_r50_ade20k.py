_base_ = 'ce_upernet_r50_ade20k.py'
# balanced softmax (Ren et al., NeurIPS 2020), pixels as counts
model = dict(decode_head=dict(loss_decode=dict(type='BalancedSoftmaxLoss', class_counts={{_base_.class_counts}})))
