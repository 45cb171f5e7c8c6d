# Start from the rotation run. Yang & Xu, Rethinking the value of labels, NeurIPS 2020, arXiv:2006.07529.
_backbone = 'work_dirs/rotation_{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=_backbone, prefix='backbone.')))
