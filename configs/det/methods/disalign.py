# DisAlign on a trained detector, 2 epochs, near its 9000 iterations. Zhang et al., CVPR 2021, arXiv:2103.16370.
_base_ = '../../_base_/det/second_stage.py'
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[1])]
train_cfg = dict(max_epochs=2)
_loss = dict(type='GeneralizedReweightLoss', rho=0.8)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=dict(type='DisAlignLinear'), loss_cls=_loss)))
