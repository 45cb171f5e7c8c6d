# your own images, data/folder/{train,val}/<class>/*.jpg, thinned to an imbalance of 100
_base_ = 'imagenet_lt.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='LongTailSubset',
        imbalance=100,
        dataset=dict(
            type='CustomDataset',
            data_root='data/folder',
            data_prefix='train',
            pipeline={{_base_.train_pipeline}},
        ),
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root='data/folder',
        data_prefix='val',
        pipeline={{_base_.test_pipeline}},
    )
)
test_dataloader = val_dataloader
