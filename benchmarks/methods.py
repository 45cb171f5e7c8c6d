"""What a whole training costs with each method, against cross entropy: CPU time of Runner.train(), one thread.

    python benchmarks/methods.py [NAME ...] [--epochs 5] [--images 192]

Synthetic 32 px images, a ResNet-14, float32, batches of 64, stages where the method puts them; building the runner,
evaluation and checkpoints are left out. Cross entropy takes a turn after every fourth method, and a method is compared
with the median of the turns. Overlays that start from a trained model, and those of large models, are left out:
their cost is told in words.
"""
import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.runner import Runner
from record import record

from mmlt.cli.names import methods
from mmlt.engine.overlays import load

CLASSES, EVERY = 10, 4


def write_images(file, images):
    """Noise, whose classes fall by 50 to 1; every class has test images."""
    rng = np.random.default_rng(0)
    share = 50 ** -np.linspace(0, 1, CLASSES)
    counts = np.maximum((share / share.sum() * images).astype(int), 2)
    labels, test = np.repeat(np.arange(CLASSES), counts), np.arange(CLASSES)
    draw = lambda n: rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)  # noqa: E731
    np.savez(file, train_images=draw(len(labels)), train_labels=labels, test_images=draw(CLASSES), test_labels=test)


def seconds(overlays, file, epochs, folder):
    """CPU seconds of one training."""
    options = {'train_cfg.max_epochs': epochs, 'train_cfg.val_interval': epochs + 1, 'work_dir': str(folder),
               'train_dataloader.batch_size': 64, 'train_dataloader.num_workers': 0, 'log_level': 'ERROR',
               **{f'{part}_dataloader.dataset.ann_file': str(file) for part in ('train', 'val', 'test')}}
    config = file.with_name('cifar10_lt_mini.py')
    config.write_text("_base_ = 'mmlt::data/cifar10_lt_mini.py'\nmodel = dict(backbone=dict(depth=14))\n")
    cfg = load(config, *overlays, options=options)
    for part in ('train', 'val', 'test'):
        cfg[f'{part}_dataloader'].update(collate_fn=dict(type='default_collate'), persistent_workers=False)
    cfg.train_cfg.max_epochs, cfg.experiment_name = epochs, f'{time.time_ns()}'
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint = None
    cfg.visualizer = dict(type='Visualizer', vis_backends=[])
    runner = Runner.from_cfg(cfg)
    start = time.process_time()
    runner.train()
    return time.process_time() - start


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('names', nargs='*')
    p.add_argument('--epochs', type=int, default=5)
    p.add_argument('--images', type=int, default=192)
    args = p.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        file, plain, own = Path(folder) / 'images.npz', [], {}
        write_images(file, args.images)
        seconds([], file, 1, folder)
        known = [m.name for m in methods().values() if m.family not in ('second stage', 'foundation')]
        for turn, name in enumerate(args.names or known):
            if turn % EVERY == 0:
                plain.append(seconds([], file, args.epochs, folder))
            try:
                own[name] = seconds([name], file, args.epochs, folder)
                print(f'{name} {own[name]:.2f} s, cross entropy {plain[-1]:.2f} s', flush=True)
            except Exception as error:  # it needs another model, a finished run, unlabelled images
                print(f'{name} is left out: {type(error).__name__}: {str(error).splitlines()[0][:100]}', flush=True)
        for name, value in own.items():
            ratio = value / statistics.median(plain)
            record(name, round(ratio, 2))
            print(f'{name:24}{ratio:.2f}', flush=True)


if __name__ == '__main__':
    main()
