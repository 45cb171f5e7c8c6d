# DRO-LT: robust features of a trained model, then its classifier. Samuel and Chechik, ICCV 2021, arXiv:2104.03066.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
model = dict(head=dict(loss=dict(type='DROLTLoss', dim='{{model.head.in_channels}}')))
train_dataloader = dict(sampler=dict(type='ClassCycleSampler', samples_per_class=4))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.005, momentum=0.9, weight_decay=1e-4, nesterov=False))
param_scheduler = []
train_cfg = dict(max_epochs='{{train_cfg.max_epochs // 2}}')
_classifier = dict(begin=0.8, freeze=['backbone'], bn='frozen', lr=0.01, loss=dict(type='CrossEntropyLoss'))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['head.fc']), _classifier]))
