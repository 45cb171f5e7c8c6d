# Rotation pre-training without labels; any method with ssp starts from it. Yang & Xu, NeurIPS 2020, arXiv:2006.07529.
model = dict(type='RotationPretrain', head=dict(num_classes=4))
default_hooks = dict(class_counts=dict(type='ClassCountsHook', class_counts=[1, 1, 1, 1]))  # of the four turns
