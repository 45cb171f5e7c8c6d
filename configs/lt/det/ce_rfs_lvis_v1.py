_base_ = 'ce_lvis_v1.py'
# repeat factor sampling (Gupta et al., CVPR 2019); the counts are then those of the repeated set
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='ClassBalancedDataset', oversample_thr=1e-3, dataset={{_base_.train_dataloader.dataset}}
    )
)
