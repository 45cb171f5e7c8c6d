_base_ = 'ce_lvis_v1.py'
# balanced softmax (Ren et al., NeurIPS 2020); the background keeps its share
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='BalancedSoftmaxLoss'))))
