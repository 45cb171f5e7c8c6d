"""Time of the second stages on cached features: cRT at the size of CIFAR-100-LT, the tau sweep at that of ImageNet."""
import statistics
import sys
import time

import torch

from mmlt.core.refit import METHODS, Recipe, as_split, linear, norm_scales, sweep
from mmlt.core.refit.methods import TAUS


def seconds(*jobs, repeats=3):
    """Median time of each job; they take turns."""
    times = [[] for _ in jobs]
    for _ in range(repeats):
        for job, list_ in zip(jobs, times):
            start = time.perf_counter()
            job()
            list_.append(time.perf_counter() - start)
    return [statistics.median(list_) for list_ in times]


def crt_seconds():
    """10 epochs' worth of class-balanced samples of 10,847 x 64 features, 100 classes."""
    labels = torch.arange(100).repeat_interleave(torch.tensor([int(500 * 0.01 ** (c / 99)) for c in range(100)]))
    train = as_split(torch.randn(len(labels), 64).relu(), labels, 100)
    joint = linear(torch.zeros(100, 64))
    return seconds(lambda: METHODS['crt'].fit(train, joint, Recipe(epochs=10)))[0]


def sweep_seconds(n=50_000, classes=1_000, dim=2_048):
    """21 taus, and one product of the same features and weight."""
    weight = 0.02 * torch.randn(classes, dim)
    split = as_split(torch.randn(n, dim).relu_(), torch.randint(classes, (n,)), classes)
    scales = norm_scales(weight, TAUS)
    return seconds(lambda: sweep(split, weight, None, scales, torch.zeros_like(scales)),
                   lambda: split.features @ weight.T)


def main():
    torch.manual_seed(0)
    crt = crt_seconds()
    sweep_time, product = sweep_seconds()
    print(f'{"":<48} {"value":>8} {"target":>6}')
    print(f'{"cRT, 10 epochs of 10,847 x 64, seconds":<48} {crt:8.2f} {30:6}')
    print(f'{"21 taus at 50,000 x 1,000 x 2,048, seconds":<48} {sweep_time:8.2f}')
    print(f'{"one matrix product of that size, seconds":<48} {product:8.2f}')
    print(f'{"ratio":<48} {sweep_time / product:8.2f} {3:6}')
    return int(crt > 30 or sweep_time > 3 * product)


if __name__ == '__main__':
    sys.exit(main())
