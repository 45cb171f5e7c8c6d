_base_ = '../../_base_/det/classifier_lvis_v1.py'
# balanced group softmax (Li et al., CVPR 2020)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='BalancedGroupSoftmaxLoss', bins=(10, 100, 1000)))))
