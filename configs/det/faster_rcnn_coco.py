_base_ = [
    'mmdet::_base_/models/faster-rcnn_r50_fpn.py',
    'mmdet::_base_/datasets/coco_instance.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    '../_base_/det/runtime.py',
]
# a detector without masks
val_evaluator = dict(metric='bbox')
test_evaluator = val_evaluator
