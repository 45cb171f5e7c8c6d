_base_ = '../../_base_/det/classifier_coco.py'
# balanced group softmax; COCO's classes have 200 to 260,000 instances
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='BalancedGroupSoftmaxLoss', bins=(2000, 6000, 20000)))))
