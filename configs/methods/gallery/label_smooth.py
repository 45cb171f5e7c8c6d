# Label smoothing. Szegedy et al., CVPR 2016, arXiv:1512.00567.
model = dict(head=dict(loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1)))
