"""One epoch of indices at the size of iNaturalist 2018, as a data loader takes them, against torch's
WeightedRandomSampler; set-up from labels in memory; reading the labels of a data set of MMEngine. CPU time, one thread.
"""
import statistics
import sys
import time

import numpy as np
import torch
from record import record
from torch.utils.data import WeightedRandomSampler

from mmlt.data import labels_of, samplers

N, C = 437_513, 8_142
TARGETS = dict(epoch=.5, setup=15, labels=1000)
WEIGHTED = {
    'PowerSampler': dict(q=.3), 'ClassBalancedSampler': {}, 'SquareRootSampler': {}, 'ReversedSampler': {},
    'EffectiveNumberSampler': {}, 'ProgressivelyBalancedSampler': dict(max_epochs=90),
    'CurriculumSampler': dict(max_epochs=90), 'ClassCycleSampler': {},
    'StagedSampler': dict(stages=[dict(begin=0, sampler=dict(type='ClassBalancedSampler'))]),
}


def power_law_labels():
    """(N,): counts fall from 1000 to 2 as in iNaturalist 2018, in random order."""
    shares = np.linspace(0, 1, C)

    def counts(bend):
        return np.round(2 * 500 ** ((1 - shares) ** bend)).astype(int)
    low, high = .1, 20.
    for _ in range(60):
        low, high = (low, (low + high) / 2) if counts((low + high) / 2).sum() < N else ((low + high) / 2, high)
    n = counts(high)
    n[0] += N - n.sum()
    return np.random.default_rng(0).permutation(np.repeat(np.arange(C), n))


def milliseconds(job):
    start = time.process_time()
    job()
    return (time.process_time() - start) * 1e3


def mmengine_dataset(labels):
    from mmpretrain.datasets import BaseDataset

    class Records(BaseDataset):
        def load_data_list(self):
            return [dict(img_path=f'data/inat2018/train_val2018/{i:032x}.jpg', gt_label=c)
                    for i, c in enumerate(labels.tolist())]

    return Records(ann_file='', metainfo=dict(classes=tuple(map(str, range(C)))))


def main(repeats=15):
    torch.set_num_threads(1)
    labels = power_law_labels()
    counts = np.bincount(labels, minlength=C)
    print(f'N={N}, C={C}, n from {counts.max()} to {counts.min()}; medians of {repeats} interleaved runs')
    torch_sampler = WeightedRandomSampler(torch.from_numpy(1 / counts[labels]), N)
    missed = []

    print(f'{"one epoch":30s}{"ms":>8s}{"torch ms":>10s}{"ratio":>7s}')
    for name, args in WEIGHTED.items():
        sampler = getattr(samplers, name)(labels, seed=0, **args)
        sampler.set_epoch(10)
        assert len(list(sampler)) == N
        runs = [(milliseconds(lambda s=sampler: list(s)), milliseconds(lambda: list(torch_sampler)))
                for _ in range(repeats)]
        own, other = (statistics.median(column) for column in zip(*runs))
        ratio = statistics.median(a / b for a, b in runs)
        print(f'{name:30s}{own:8.1f}{other:10.1f}{ratio:7.2f}')
        record(name, ratio, TARGETS['epoch'])
        if ratio > TARGETS['epoch']:
            missed.append(f'{name}: {ratio:.2f} of torch, target {TARGETS["epoch"]}')

    setup = statistics.median(
        milliseconds(lambda: samplers.ClassBalancedSampler(labels, seed=0)) for _ in range(repeats))
    print(f'set-up from labels: {setup:.1f} ms')
    if setup > TARGETS['setup']:
        missed.append(f'set-up {setup:.1f} ms, target {TARGETS["setup"]}')

    dataset = mmengine_dataset(labels)
    reading = statistics.median(milliseconds(lambda: labels_of(dataset)) for _ in range(3))
    plain = milliseconds(dataset.get_gt_labels)
    print(f'labels_of an MMPretrain data set: {reading:.0f} ms; its own get_gt_labels: {plain:.0f} ms')
    if reading > TARGETS['labels']:
        missed.append(f'labels_of {reading:.0f} ms, target {TARGETS["labels"]}')

    print('\n'.join(['MISSED ' + line for line in missed]) or 'all targets met')
    return bool(missed)


if __name__ == '__main__':
    sys.exit(main())
