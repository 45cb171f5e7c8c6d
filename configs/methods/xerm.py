# xERM: labels and the balanced predictions of a plain run teach one network. Zhu et al., AAAI 2022, arXiv:2112.14380.
_config = dict(model='{{model}}', data_preprocessor='{{data_preprocessor}}')
_teacher = dict(config=_config, checkpoint='work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth')
model = dict(type='DistillClassifier', teacher=_teacher, loss=dict(type='XERMLoss'))
# as released: the learning rate falls at the beginning of epochs 120 and 160, counted from 1
_cifar = {
    'optim_wrapper.optimizer': dict(lr=0.2, weight_decay=1e-4), 'train_dataloader.batch_size': 256,
    'param_scheduler': [dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5),
                        dict(type='MultiStepLR', milestones=[119, 159], gamma=0.01)]}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt={'model.loss.gamma': 2.0})
