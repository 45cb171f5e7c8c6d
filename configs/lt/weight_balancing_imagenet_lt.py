_base_ = '../_base_/second_stage/imagenet_lt.py'
# weight balancing, stage 2 (Alshammari et al., CVPR 2022): class-balanced loss, weight decay and MaxNorm on the
# classifier of a model trained with weight decay 5e-3
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=0.1))
model = dict(head=dict(loss=dict(_delete_=True, type='ClassBalancedLoss', beta=0.9999)))
custom_hooks = [dict(type='MaxNormHook', path='head.fc')]
