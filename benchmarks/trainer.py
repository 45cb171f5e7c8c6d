"""MMPretrain's trainer with mmlt's parts against the same without.

    python benchmarks/trainer.py [--runs 9] [--images 2048] [--only parts fast augment]

`parts`: `plain` trains a ResNet-8 on 32 px images in memory with ``DefaultSampler`` and ``Accuracy``, `mmlt` with
``ClassBalancedSampler``, ``ClassCountsHook`` and ``LongTailMetric``. CPU time, one thread.

`fast`: `loop` trains a ResNet-32 with crop and flip as the configs of CIFAR do, float32, one process with all cores and
two loader workers; `fast` is one process a core, each of one thread, with ``FastLoaderHook`` in mixed precision. Images
a second of all processes together, by the clock and by CPU time (which other work on the machine disturbs less).

`augment`: CIFAR's AutoAugment of 128 images, image by image as MMPretrain runs it and as one batch. CPU time, one
thread.

Two runners take turns. A run is ``Runner.train()`` of two epochs with evaluations (`parts`), or of one (`fast`);
building the runner and writing checkpoints are not timed.
"""
import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import TRANSFORMS
from record import record

import mmlt.cls  # noqa: F401 registers its parts
from mmlt.data.batched import uniforms
from mmlt.data.batched.per_image import PerImage
from mmlt.data.batched.policies import AutoAugment
from mmlt.engine.amp import use_amp

TARGETS, CLASSES = dict(parts=0.97, fast=1.9, augment=3.), 100


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
    loader = dict(num_workers=0, persistent_workers=False, collate_fn=dict(type='default_collate'))
    pipeline = [dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]
    plain, cifar = kind != 'mmlt', kind in ('loop', 'fast')
    cfg = dict(
        experiment_name=f'{kind}_{run}', work_dir=work_dir, default_scope='mmpretrain', log_level='ERROR',
        randomness=dict(seed=0),
        model=dict(
            type='ImageClassifier', backbone=dict(type='ResNetCIFAR32', depth=32 if cifar else 8),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=CLASSES, in_channels=64)),
        data_preprocessor=dict(num_classes=CLASSES, mean=[127.] * 3, std=[60.] * 3),
        train_dataloader=dict(
            **loader, batch_size=64, dataset=dict(type='Noise', images=images, pipeline=pipeline),
            sampler=dict(type='DefaultSampler', shuffle=True) if plain else dict(type='ClassBalancedSampler')),
        train_cfg=dict(by_epoch=True, max_epochs=1 if cifar else 2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        default_hooks=dict(checkpoint=None))
    if cifar:
        pipeline.insert(0, dict(type='RandomCrop', crop_size=32, padding=4))
        cfg['train_dataloader']['batch_size'] = 128
        if kind == 'fast':
            use_amp(cfg['optim_wrapper'])
            cfg['default_hooks']['fast'] = dict(type='FastLoaderHook')
        else:
            cfg['train_dataloader'].update(num_workers=2, persistent_workers=True)
    else:
        cfg.update(
            val_dataloader=dict(
                **loader, batch_size=64, dataset=dict(type='Noise', images=images // 4, pipeline=pipeline[1:]),
                sampler=dict(type='DefaultSampler', shuffle=False)),
            val_evaluator=dict(type='Accuracy' if plain else 'LongTailMetric'), val_cfg=dict())
        if not plain:
            cfg['default_hooks']['counts'] = dict(type='ClassCountsHook')
    return Runner.from_cfg(Config(cfg))


def parts(args, folder):
    """Images a CPU second with mmlt's parts over those without."""
    torch.set_num_threads(1)
    seconds = dict(plain=[], mmlt=[])
    for run in range(args.runs + 1):
        for kind in sorted(seconds, reverse=run % 2):
            trainer = runner(kind, args.images, folder, run)
            start = time.process_time()
            trainer.train()
            if run:  # the first warms up
                seconds[kind].append(time.process_time() - start)
    for kind, times in seconds.items():
        print(f'{kind:8s}{2 * args.images / statistics.median(times):8.0f} images/s')
    return statistics.median(a / b for a, b in zip(seconds['plain'], seconds['mmlt']))


def _process(kind, threads, images, folder, run, start, results):
    torch.set_num_threads(threads)
    trainer = runner(kind, images, folder, run)
    start.wait()
    clock, cpu = time.time(), _cpu()
    trainer.train()
    results.put((time.time() - clock, _cpu() - cpu))


def _cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def fast(args, folder):
    """Images a second of one fast process a core, together, over those of the loop on all cores."""
    cores, context, rates = len(os.sched_getaffinity(0)), get_context('spawn'), dict(loop=[], fast=[])
    for run in range(max(args.runs // 3, 1)):
        for kind in sorted(rates, reverse=run % 2):
            count = cores if kind == 'fast' else 1
            start, results = context.Barrier(count), context.Queue()
            jobs = [context.Process(target=_process, args=(
                kind, cores // count, args.images, f'{folder}/{i}', run, start, results)) for i in range(count)]
            for job in jobs:
                job.start()
            clock, cpu = zip(*(results.get() for _ in jobs))
            for job in jobs:
                job.join()
            rates[kind].append((count * args.images / max(clock), count * args.images / sum(cpu)))
    for kind, values in rates.items():
        clock, cpu = (statistics.median(column) for column in zip(*values))
        print(f'{kind:8s}{clock:8.0f} images/s, {cpu:.0f} a CPU second')
    by_clock, by_cpu = (statistics.median(b[i] / a[i] for a, b in zip(rates['loop'], rates['fast'])) for i in (0, 1))
    print(f'ratio by CPU time {by_cpu:.2f}')
    return by_clock


def augment(args, folder):
    """CPU time of the framework's AutoAugment over that of the batched one."""
    torch.set_num_threads(1)
    policy = TRANSFORMS.build(dict(type='AutoAugment', policies='cifar10'))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (128, 3, 32, 32), dtype=np.uint8))
    seconds = {PerImage(policy): [], AutoAugment(policy): []}
    for run in range(10 * args.runs):
        for op, times in seconds.items():
            draws = torch.from_numpy(uniforms(run, 0, np.arange(128), op.draws))
            start = time.process_time()
            op(images, draws)
            times.append(time.process_time() - start)
    slow, quick = map(statistics.median, seconds.values())
    print(f'image by image {1e3 * slow:.1f} ms, batched {1e3 * quick:.1f} ms')
    return slow / quick


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=9)
    parser.add_argument('--images', type=int, default=2048)
    parser.add_argument('--only', nargs='+', choices=list(TARGETS), default=list(TARGETS))
    args = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only:
            ratio = dict(parts=parts, fast=fast, augment=augment)[name](args, folder)
            print(f'{name}: ratio {ratio:.3f}, target >= {TARGETS[name]}')
            record(name, ratio, TARGETS[name], smaller=False)
            missed += ratio < TARGETS[name]
    return int(missed)


if __name__ == '__main__':
    sys.exit(main())
