# GCL: Gaussian clouds around rare classes' cosines; then gcl_classifier. Li et al., CVPR 2022, arXiv:2305.11733.
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)), head=dict(
    classifier=dict(type='CosineLinear', scale=30.0), loss=dict(type='GCLLoss')))
_cifar = {'train_dataloader.batch_size': 64, 'auto_scale_lr.base_batch_size': 64,
          'optim_wrapper.optimizer.nesterov': False, 'param_scheduler': [
              dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
              dict(type='MultiStepLR', milestones=[160, 180], gamma=0.1)]}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar)
