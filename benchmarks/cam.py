"""CAM-based sampling: speed of the foreground transform, and what it costs a training step.

    python benchmarks/cam.py [--batch 64] [--size 224] [--device cpu] [--skip-step]

1. ``CAMForeground.transform`` on a batch against OpenCV loops over single images that do the same, batch in, batch out:
   resize the map, threshold, box, warp image and mask with nearest neighbour sampling, composite. The network is in
   neither. Two loops: `plain` composites with ``numpy.where``; `tuned` with ``cv2.copyTo``. The target, 10x of
   `plain`, is for an accelerator. On a CPU both sides run on one core and do the same work there: OpenCV's compiled
   warp makes `tuned` the fastest, and the batch must only not be slower than `plain`.
2. A training step of ResNet-50 (forward, backward, SGD) with :class:`CAMStage`, cached and online, against the step
   alone. Every image of the batch is transformed, the worst case.
"""
import argparse
import statistics
import sys
import time

import cv2
import numpy as np
import torch
from record import record
from rich.console import Console
from rich.table import Table

from mmlt.core.augment.cam import FLIP, ROTATE, SCALE, TRANSLATE, CAMForeground

TARGETS = {'cuda': 10., 'cpu': 1., 'cached': 1.15, 'online': 1.5}


def opencv(images, cams, kinds, draws, tuned):
    """images (N, 3, H, W) uint8, cams (N, h, w) float -> images."""
    results = torch.empty_like(images)
    height, width = images.shape[2:]
    for i, (image, low, kind, (a, b)) in enumerate(zip(images.numpy(), cams.numpy(), kinds, draws)):
        image = cv2.merge(tuple(image))
        cam = cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR)
        mask = (cam >= cam.mean()).astype(np.uint8)
        x, y, w, h = cv2.boundingRect(mask)
        centre = x + (w - 1) / 2, y + (h - 1) / 2
        if kind == FLIP:
            matrix = np.float32([[-1, 0, 2 * centre[0]], [0, 1, 0]])
        elif kind == TRANSLATE:
            matrix = np.float32([[1, 0, int(a * (width - w + 1)) - x], [0, 1, int(b * (height - h + 1)) - y]])
        elif kind == ROTATE:
            matrix = cv2.getRotationMatrix2D(centre, 90 * a - 45, 1)
        elif kind == SCALE:
            matrix = cv2.getRotationMatrix2D(centre, 0, 0.8 + 0.4 * a)
        warped = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_NEAREST)
        moved = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST)
        image = cv2.copyTo(warped, moved, image) if tuned else np.where(moved[..., None] > 0, warped, image)
        results[i] = torch.from_numpy(image).permute(2, 0, 1)
    return results


def clock(jobs, repeat, device):
    """Median seconds of each job, run in turn: of one core's own time on a CPU, which others may share."""
    times, now = {name: [] for name in jobs}, time.process_time if device.type == 'cpu' else time.perf_counter
    for turn in range(repeat + 2):
        for name, job in jobs.items():
            _synchronize(device)
            start = now()
            job()
            _synchronize(device)
            if turn > 1:
                times[name].append(now() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def _synchronize(device):
    if device.type == 'cuda':
        torch.cuda.synchronize()


def foreground(batch, size, device, repeat):
    """Seconds a batch."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, generator=generator)
    cams = torch.rand(batch, 7, 7, generator=generator)
    kinds = torch.randint(4, (batch,), generator=generator).tolist()
    draws = torch.rand(batch, 2, generator=generator).tolist()
    augment, there = CAMForeground(prob=1.), (images.to(device), cams.to(device))
    return clock({'plain': lambda: opencv(images, cams, kinds, draws, False),
                  'tuned': lambda: opencv(images, cams, kinds, draws, True),
                  'ours': lambda: augment.transform(*there, generator)}, repeat, device)


def step(batch, size, device, repeat):
    """Seconds a training step of ResNet-50."""
    from mmengine.optim import OptimWrapper
    from mmengine.registry import MODELS, init_default_scope
    from mmpretrain.structures import DataSample

    from mmlt.engine.cam import CAMStage

    init_default_scope('mmpretrain')
    model = MODELS.build(dict(
        type='ImageClassifier', backbone=dict(type='ResNet', depth=50), neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=1000, in_channels=2048, loss=dict(type='CrossEntropyLoss')),
        data_preprocessor=dict(type='ClsDataPreprocessor', mean=[123.] * 3, std=[58.] * 3))).to(device).train()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    stages = {'cached': CAMStage(dict(prob=1., cached=True)), 'online': CAMStage(dict(prob=1.))}
    stages['online'].snapshot(model)

    def train(stage=None):
        samples = [DataSample().set_gt_label(i % 1000) for i in range(batch)]
        if stage == 'cached':
            for sample in samples:
                sample.cam = map_of_an_image
        data = dict(inputs=images, data_samples=samples)
        if stage:
            stages[stage].apply(data, model, 0, 0)
        model.train_step(data, optimizer)

    map_of_an_image = torch.randint(0, 256, (size, size), dtype=torch.uint8)
    return clock({'plain': train, 'cached': lambda: train('cached'), 'online': lambda: train('online')}, repeat, device)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--step-batch', type=int, default=8)
    parser.add_argument('--size', type=int, default=224)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--repeat', type=int, default=15)
    parser.add_argument('--skip-step', action='store_true')
    args = parser.parse_args()
    device = torch.device(args.device)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    table = Table('what', 'ms', 'ratio', 'target', title=f'CAM-based sampling on {device}')
    took = foreground(args.batch, args.size, device, args.repeat)
    ratios = {'plain': took['plain'] / took['ours'], 'tuned': took['tuned'] / took['ours']}
    record(f'times an OpenCV loop, {device.type}', ratios['plain'], TARGETS[device.type], smaller=False)
    passed = ratios['plain'] >= TARGETS[device.type]
    table.add_row(f'CAMForeground, {args.batch} x {args.size} px', f'{1e3 * took["ours"]:.2f}', '', '')
    table.add_row('OpenCV loop, plain', f'{1e3 * took["plain"]:.2f}', f'{ratios["plain"]:.1f}x',
                  f'>= {TARGETS[device.type]:g}x')
    table.add_row('OpenCV loop, tuned', f'{1e3 * took["tuned"]:.2f}', f'{ratios["tuned"]:.1f}x', '')
    if not args.skip_step:
        took = step(args.step_batch, args.size, device, max(args.repeat // 3, 3))
        table.add_row(f'ResNet-50 step, batch {args.step_batch}', f'{1e3 * took["plain"]:.1f}', '', '')
        for name in ('cached', 'online'):
            ratio = took[name] / took['plain']
            record(f'step with CAMs {name}', ratio, TARGETS[name])
            passed &= ratio <= TARGETS[name]
            table.add_row(f'  with CAMs {name}', f'{1e3 * took[name]:.1f}', f'{ratio:.2f}x', f'<= {TARGETS[name]}x')
    Console().print(table)
    sys.exit(not passed)


if __name__ == '__main__':
    main()
