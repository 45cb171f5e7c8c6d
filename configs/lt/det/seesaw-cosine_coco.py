_base_ = 'ce_coco.py'
# MMDetection's Seesaw loss (Wang et al., CVPR 2021) on a cosine classifier
model = dict(
    roi_head=dict(
        bbox_head=dict(
            cls_predictor_cfg=dict(type='CosineLinear', scale=20, bias=True),
            loss_cls=dict(type='SeesawLoss', p=0.8, q=2.0, num_classes=80),
        )
    )
)
