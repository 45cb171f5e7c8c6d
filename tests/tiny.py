"""A training run of seconds: 60 long-tailed 8 x 8 images of 3 classes, and a ResNet of 6 layers."""
import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmpretrain.datasets import BaseDataset

import mmlt  # noqa: F401 registers its parts

COUNTS = (40, 15, 5)


@DATASETS.register_module()
class TinyImages(BaseDataset):
    """Class c has a bright square at its own place on noise."""

    METAINFO = {'classes': ['a', 'b', 'c']}

    def __init__(self, counts=COUNTS, **kwargs):
        self.counts = counts
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self):
        rng = np.random.RandomState(0)
        labels = np.repeat(np.arange(len(self.counts)), self.counts)
        images = rng.randint(0, 120, (len(labels), 8, 8, 3)).astype(np.uint8)
        for image, label in zip(images, labels):
            image[2 * label:2 * label + 3, 2 * label:2 * label + 3] += 130
        return [dict(img=i, gt_label=int(y)) for i, y in zip(images, labels)]


def config(work_dir, epochs=3, stages=None, **settings):
    """A complete config; ``stages`` go to a StageSwitchHook, ``settings`` are merged with dots as ``__``."""
    loader = dict(batch_size=10, num_workers=0, collate_fn=dict(type='default_collate'))
    cfg = dict(
        custom_imports=dict(imports=['mmlt']),
        default_scope='mmpretrain',
        work_dir=str(work_dir),
        model=dict(
            type='ImageClassifier',
            backbone=dict(type='ResNetCIFAR32', depth=8, base_channels=4),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=3, in_channels=16)),
        data_preprocessor=dict(num_classes=3, mean=[127.] * 3, std=[60.] * 3),
        train_dataloader=dict(
            **loader, dataset=dict(type='TinyImages', pipeline=[dict(type='PackInputs')]),
            sampler=dict(type='DefaultSampler', shuffle=True)),
        val_dataloader=dict(
            **loader, dataset=dict(type='TinyImages', counts=(5, 5, 5), pipeline=[dict(type='PackInputs')]),
            sampler=dict(type='DefaultSampler', shuffle=False)),
        val_evaluator=dict(type='LongTailMetric', many=20, few=10),
        train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=epochs),
        val_cfg=dict(),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-4)),
        param_scheduler=[dict(type='MultiStepLR', milestones=[1, 2], gamma=0.5)],
        default_hooks=dict(
            class_counts=dict(type='ClassCountsHook'),
            checkpoint=dict(type='CheckpointHook', interval=1)),
        randomness=dict(seed=1),
        log_level='ERROR')
    if stages is not None:
        cfg['default_hooks']['stages'] = dict(type='StageSwitchHook', stages=stages)
    cfg['test_dataloader'], cfg['test_cfg'], cfg['test_evaluator'] = cfg['val_dataloader'], {}, cfg['val_evaluator']
    cfg = Config(cfg)
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in settings.items()})
    return cfg


def runner(*args, **kwargs):
    cfg = config(*args, **kwargs)
    cfg.experiment_name = f'tiny_{id(cfg)}'
    return Runner.from_cfg(cfg)


def train(*args, **kwargs):
    """Train and return the runner."""
    r = runner(*args, **kwargs)
    r.train()
    return r
