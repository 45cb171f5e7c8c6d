# Label-aware smoothing. Zhong et al., CVPR 2021, arXiv:2104.00466.
model = dict(head=dict(loss=dict(type='LabelAwareSmoothLoss', smooth_head=0.4, smooth_tail=0.1)))
