"""What mmlt's sampler, class counts and metric cost MMPretrain's trainer: images a second with them over without.

    python benchmarks/trainer.py [--runs 9] [--images 2048]

Two runners take turns: `plain` trains a ResNet-8 on 32 px images in memory with ``DefaultSampler`` and ``Accuracy``,
`mmlt` with ``ClassBalancedSampler``, ``ClassCountsHook`` and ``LongTailMetric``. One run is ``Runner.train()`` of two
epochs, each followed by an evaluation; building the runner and writing checkpoints are not timed. CPU time, one thread.
"""
import argparse
import statistics
import sys
import tempfile
import time

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmpretrain.datasets import BaseDataset

import mmlt  # noqa: F401 registers its parts

TARGET, CLASSES = 0.97, 100


@DATASETS.register_module()
class Noise(BaseDataset):
    """``images`` images of 32 x 32, whose classes fall from the first to the last by 100 to 1."""

    METAINFO = {'classes': [str(c) for c in range(CLASSES)]}

    def __init__(self, images, **kwargs):
        self.images = images
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self):
        rng = np.random.default_rng(0)
        share = 100 ** -np.linspace(0, 1, CLASSES)
        labels = rng.choice(CLASSES, self.images, p=share / share.sum())
        return [dict(img=rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), gt_label=int(y)) for y in labels]


def runner(kind, images, work_dir, run):
    loader = dict(batch_size=64, num_workers=0, persistent_workers=False, collate_fn=dict(type='default_collate'))
    pipeline = [dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]
    plain = kind == 'plain'
    return Runner.from_cfg(Config(dict(
        experiment_name=f'{kind}_{run}', work_dir=work_dir, default_scope='mmpretrain', log_level='ERROR',
        randomness=dict(seed=0),
        model=dict(
            type='ImageClassifier', backbone=dict(type='ResNetCIFAR32', depth=8),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=CLASSES, in_channels=64)),
        data_preprocessor=dict(num_classes=CLASSES, mean=[127.] * 3, std=[60.] * 3),
        train_dataloader=dict(
            **loader, dataset=dict(type='Noise', images=images, pipeline=pipeline),
            sampler=dict(type='DefaultSampler', shuffle=True) if plain else dict(type='ClassBalancedSampler')),
        val_dataloader=dict(
            **loader, dataset=dict(type='Noise', images=images // 4, pipeline=pipeline[1:]),
            sampler=dict(type='DefaultSampler', shuffle=False)),
        val_evaluator=dict(type='Accuracy' if plain else 'LongTailMetric'),
        train_cfg=dict(by_epoch=True, max_epochs=2), val_cfg=dict(),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        default_hooks=dict(checkpoint=None, **({} if plain else dict(counts=dict(type='ClassCountsHook')))))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=9)
    parser.add_argument('--images', type=int, default=2048)
    args = parser.parse_args()
    torch.set_num_threads(1)
    seconds = dict(plain=[], mmlt=[])
    with tempfile.TemporaryDirectory() as folder:
        for run in range(args.runs + 1):
            for kind in sorted(seconds, reverse=run % 2):
                trainer = runner(kind, args.images, folder, run)
                start = time.process_time()
                trainer.train()
                if run:  # the first warms up
                    seconds[kind].append(time.process_time() - start)
    ratio = statistics.median(a / b for a, b in zip(seconds['plain'], seconds['mmlt']))
    for kind, times in seconds.items():
        print(f'{kind:8s}{2 * args.images / statistics.median(times):8.0f} images/s')
    print(f'ratio {ratio:.3f}, target >= {TARGET}')
    return int(ratio < TARGET)


if __name__ == '__main__':
    sys.exit(main())
