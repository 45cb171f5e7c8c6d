_base_ = 'ce_lvis_v1.py'
# equalization loss v2 (Tan et al., CVPR 2021); every class starts unlikely
model = dict(
    roi_head=dict(
        bbox_head=dict(
            loss_cls=dict(type='EqualizationLossV2'),
            init_cfg=[
                dict(type='Normal', std=0.001, bias=-6.5, override=dict(name='fc_cls')),
                dict(type='Normal', std=0.001, override=dict(name='fc_reg')),
                dict(type='Xavier', distribution='uniform', override=[dict(name='shared_fcs')]),
            ],
        )
    )
)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))
