# Distilled virtual examples of a balanced-softmax teacher, whose run comes first. He et al., ICCV 2021, 2103.15042.
_config = dict(model='{{model}}', data_preprocessor='{{data_preprocessor}}')  # the plain network
_teacher = dict(config=_config,
                checkpoint='work_dirs/balanced_softmax_{{config}}/epoch_{{train_cfg.max_epochs}}.pth')
_loss = dict(type='DiVELoss', temperature=2.0, power=0.5, alpha=0.5)
model = dict(type='DistillClassifier', teacher=_teacher, loss=_loss)
# BBN's, as released: the learning rate falls at the beginning of epochs 120 and 160, counted from 1
_cifar = dict(param_scheduler=[dict(type='LinearLR', start_factor=7 / 15, by_epoch=True, end=5),
                               dict(type='MultiStepLR', milestones=[119, 159], gamma=0.01)])
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar)
