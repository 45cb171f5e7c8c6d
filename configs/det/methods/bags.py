# Balanced group softmax (BAGS) on a trained detector. Li et al., CVPR 2020, arXiv:2006.10408.
_base_ = '../../_base_/det/second_stage.py'
_loss = dict(type='BalancedGroupSoftmaxLoss', bins=(10, 100, 1000))
model = dict(roi_head=dict(bbox_head=dict(loss_cls=_loss)))
_bins = 'model.roi_head.bbox_head.loss_cls.bins'
tuned = dict(coco={_bins: (2000, 6000, 20000)})  # whose classes have 200 to 260,000 instances
