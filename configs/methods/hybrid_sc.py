# Hybrid-SC: supervised contrast that gives way to a classifier on balanced draws. Wang et al., CVPR 2021, 2103.14267.
# No code was released: the learning rate is that of the config below.
model = dict(type='HybridContrastClassifier', contrast=dict(type='SupConLoss', temperature=0.1), dim=128)
_pipeline = '{{train_dataloader.dataset.pipeline}}'
_similar = [dict(type='RandomApply', prob=0.8, transforms=[
    dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)]),
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True)]
_views = dict(type='RepeatPipeline', num_views=2, views=[_similar, _similar], pipeline=_pipeline)
train_dataloader = dict(dataset=dict(pipeline=[_views]))
default_hooks = dict(partners=dict(type='PartnerHook'))
