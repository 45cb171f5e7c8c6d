# Balanced group softmax (BAGS) on a trained model, classification form. Li et al., CVPR 2020, arXiv:2006.10408.
import json
import pathlib

load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
auto_scale_lr = None
_layer = dict(type='GroupSoftmaxLinear', class_counts='{{class_counts}}', bins=(10, 100, 1000))
model = dict(head=dict(classifier=_layer, loss=dict(type='BalancedGroupSoftmaxLoss', bins=(10, 100, 1000))))
_stages = [dict(begin=0, freeze=['backbone'])]
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=_stages))
# the layer needs the counts when it is built; of other data sets they are counted
_file = pathlib.Path('{{ fileDirname }}/../_base_/counts/imagenet_lt.json')
_counts = 'model.head.classifier.class_counts'
tuned = {
    'cifar100_lt': {'model.head.classifier.bins': (10, 100), 'model.head.loss.bins': (10, 100)},
    'cifar100_lt/100': {_counts: [int(500 * 0.01 ** (c / 99)) for c in range(100)]},
    'imagenet_lt': {_counts: json.loads(_file.read_text())['class_counts']},
}
