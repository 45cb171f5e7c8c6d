_base_ = [
    'mmdet::_base_/models/mask-rcnn_r50_fpn.py',
    '../../_base_/det/coco.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    '../../_base_/det/runtime.py',
]
