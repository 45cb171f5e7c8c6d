"""Samplers on labels in a file (uint16, 1000 classes, imbalance 100): set-up, memory beside the labels, time an index.

    python benchmarks/streaming.py 10**7 [FOLDER]
"""
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from mmlt.data.samplers import ClassBalancedSampler, ClassCycleSampler, PowerSampler, RandomUnderSampler

C, PART = 1000, 1 << 22
CASES = (PowerSampler, dict(q=1)), (ClassBalancedSampler, {}), (RandomUnderSampler, {}), (ClassCycleSampler, {})


def write_labels(file, size):
    rng, shares = np.random.default_rng(0), 100. ** (-np.arange(C) / C)
    labels = np.lib.format.open_memmap(file, 'w+', np.uint16, (size, ))
    for begin in range(0, size, PART):
        part = labels[begin:begin + PART]
        part[:] = np.searchsorted(shares.cumsum() / shares.sum(), rng.random(len(part)))


def resident(peak=False):
    """Bytes of this process in memory."""
    name = 'VmHWM' if peak else 'VmRSS'
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def main(size, folder):
    torch.set_num_threads(1)
    file = Path(folder) / 'labels.npy'
    if not os.fork():
        if not file.exists():
            write_labels(file, size)
        os._exit(0)
    os.wait()
    before = resident()
    for kind, args in CASES:
        Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew
        start = time.process_time()
        sampler = kind(np.load(file, mmap_mode='r'), seed=0, **args)
        if args != dict(q=1):
            assert sampler.index.counts.sum() == size
        setup = time.process_time() - start
        parts, times = sampler._parts(), []
        for _ in range(min(16, -(-sampler.epoch_length // sampler.part_length))):
            start = time.process_time()
            length = len(next(parts)[1])
            times.append((time.process_time() - start) / length * 1e9)
        more = (resident(peak=True) - before) / 1e6
        print(f'N {size:.0e} {kind.__name__:22s} set-up {setup:6.1f} s, peak {more:7.0f} MB (labels '
              f'{size * 2e-6:.0f}), {min(times):5.0f} to {statistics.median(times):5.0f} ns an index', flush=True)
        del sampler, parts


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as folder:
        main(eval(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else folder)
