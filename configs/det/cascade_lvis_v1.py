_base_ = [
    'mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py',
    '../_base_/det/lvis_v1.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    '../_base_/det/runtime.py',
]
# a cascade of three classifiers
head = dict(
    type='Shared2FCBBoxHead',
    num_classes=1203,
    in_channels=256,
    fc_out_channels=1024,
    roi_feat_size=7,
    reg_class_agnostic=True,
    loss_cls=dict(type='CrossEntropyLoss'),
)
coders = [dict(type='DeltaXYWHBBoxCoder', target_stds=[s, s, 2 * s, 2 * s]) for s in (0.1, 0.05, 0.033)]
roi = dict(bbox_head=[dict(head, bbox_coder=coder) for coder in coders], mask_head=dict(num_classes=1203))
model = dict(roi_head=roi, test_cfg=dict(rcnn=dict(score_thr=1e-4, max_per_img=300)))
