# LVIS v1 as it is; mmdet's own base repeats images of rare classes, as ce_rfs_lvis_v1.py does
_base_ = 'mmdet::_base_/datasets/lvis_v1_instance.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='LVISV1Dataset',
        data_root='data/lvis_v1/',
        ann_file='annotations/lvis_v1_train.json',
        data_prefix=dict(img=''),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline={{_base_.train_pipeline}},
    ),
)
val_evaluator = dict(type='LongTailLVISMetric')
test_evaluator = dict(type='LongTailLVISMetric')
