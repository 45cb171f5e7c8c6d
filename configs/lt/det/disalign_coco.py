_base_ = '../../_base_/det/classifier_coco.py'
# DisAlign (Zhang et al., CVPR 2021): 2 epochs, near its 9000 iterations
model = dict(
    roi_head=dict(
        bbox_head=dict(
            cls_predictor_cfg=dict(type='DisAlignLinear'), loss_cls=dict(type='GeneralizedReweightLoss', rho=0.8)
        )
    )
)
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[1])]
train_cfg = dict(max_epochs=2)
