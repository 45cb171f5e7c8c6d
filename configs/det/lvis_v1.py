_base_ = [
    '../_base_/det/mask_rcnn_r50_lvis.py',
    '../_base_/det/lvis_v1.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    '../_base_/det/runtime.py',
]
data_name = 'lvis_v1'
