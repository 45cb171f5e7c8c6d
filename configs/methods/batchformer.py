# BatchFormer: attention between the images of a batch, in training alone. Hou et al., CVPR 2022, arXiv:2203.01522.
model = dict(head=dict(type='BatchFormerClsHead'))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.encoder': dict(lr_mult=0.1)}))
