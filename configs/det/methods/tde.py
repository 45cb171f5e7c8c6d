# De-confounded training and total direct effect. Tang et al., NeurIPS 2020, arXiv:2009.12991.
_layer = dict(type='CausalLinear', alpha=1.5, momentum=0.9998)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=_layer)))
