# Repeat factor sampling; the counts are then those of the repeated set. Gupta et al., CVPR 2019, arXiv:1908.03195.
_repeated = dict(type='ClassBalancedDataset', oversample_thr=1e-3, dataset='{{train_dataloader.dataset}}')
train_dataloader = dict(dataset=dict(_delete_=True, **_repeated))
