# MMDetection's Seesaw loss on a cosine classifier. Wang et al., CVPR 2021, arXiv:2008.10032.
_loss = dict(type='SeesawLoss', p=0.8, q=2.0, num_classes='{{model.roi_head.bbox_head.num_classes}}')
_layer = dict(type='CosineLinear', scale=20, bias=True)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=_layer, loss_cls=_loss)))
