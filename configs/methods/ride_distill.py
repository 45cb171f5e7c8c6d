# RIDE taught by six experts, after the run of ride_teacher. Wang et al., ICLR 2021, arXiv:2010.01809.
_base_ = 'ride.py'
_loss = dict(type='RIDEDistillLoss', distill_temperature=1.5)
_six = dict(
    type='ImageClassifier', backbone=dict(type='MultiExpertBackbone', backbone='{{model.backbone}}', num_experts=6),
    neck='{{model.neck}}', head=dict(
        type='MultiExpertClsHead', reduce=True, num_experts=6, classifier=dict(type='CosineLinear', scale=30.0),
        in_channels='{{model.head.in_channels}}', num_classes='{{model.head.num_classes}}'))
_teacher = dict(config=dict(model=_six, data_preprocessor='{{data_preprocessor}}'),
                checkpoint='work_dirs/ride_teacher_{{config}}/epoch_{{train_cfg.max_epochs}}.pth')
model = dict(type='DistillClassifier', teacher=_teacher, loss=dict(_loss, temperatures=False))
default_hooks = dict(stages=dict(stages=[dict(begin=0.8, loss=_loss)]))
_late = 'default_hooks.stages.stages.0.loss'
_mini = {f'{_late}.diversity': -0.2}
_cifar = {**_mini, 'param_scheduler.0': dict(start_factor=0.05, end=20)}
_resnext = {'model.teacher.config.model.backbone.backbone': dict(_delete_=True, type='ResNeXt', depth=50),
            'model.teacher.config.model.head.in_channels': 2048, 'train_cfg.max_epochs': 100}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, cifar10_lt_mini=_mini, digits=_mini, imagenet_lt=_resnext)
