# Repeat factors from images and instances. Yaman et al., 2023, arXiv:2305.08069.
_repeated = dict(type='InstanceAwareRepeatDataset', oversample_thr=1e-3, dataset='{{train_dataloader.dataset}}')
train_dataloader = dict(dataset=dict(_delete_=True, **_repeated))
