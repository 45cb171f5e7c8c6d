# Balanced softmax; the background keeps its share. Ren et al., NeurIPS 2020, arXiv:2007.10740.
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='BalancedSoftmaxLoss'))))
