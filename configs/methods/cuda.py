# CUDA: augmentation as strong as each class has learnt to bear. Ahn et al., ICLR 2023, arXiv:2302.05499.
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='ClassWiseAugment', pipeline='{{train_dataloader.dataset.pipeline}}')]))
custom_hooks = [dict(type='ClassLevelHook')]
