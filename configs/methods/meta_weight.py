# Meta-Weight-Net: a small network weighs each image by its loss. Shu et al., NeurIPS 2019, arXiv:1902.07379.
model = dict(head=dict(loss=dict(type='MetaWeightLoss')))
custom_hooks = [dict(type='MetaWeightHook')]
