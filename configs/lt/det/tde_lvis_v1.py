_base_ = 'ce_lvis_v1.py'
# de-confounded training and total direct effect (Tang et al., NeurIPS 2020)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=dict(type='CausalLinear', alpha=1.5, momentum=0.9998))))
