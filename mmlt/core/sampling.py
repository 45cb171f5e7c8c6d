"""Class probabilities of samplers, and one epoch of indices.

N images, C classes, n (C,) counts, p (C,) class probabilities, M indices an epoch. Everything is float64 / int64 on the
CPU and takes O(N + M + C) time and memory (times a logarithm). A class without an image has probability 0.
"""
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .counts import as_counts, effective_weights


def power_probabilities(counts: Tensor, q: float = 0.5) -> Tensor:
    """(C,) -> (C,): n^q / sum n^q. ``q=1`` data, ``0.5`` square root, ``0`` balanced, ``-1`` reversed.

    Kang et al., Decoupling Representation and Classifier, ICLR 2020, arXiv:1910.09217. ``q=-1`` is the reversed sampler
    of BBN (Zhou et al., CVPR 2020, arXiv:1912.02413).

    >>> power_probabilities([4, 1, 0]).tolist()
    [0.6666666666666666, 0.3333333333333333, 0.0]
    """
    if not math.isfinite(q):
        raise ValueError(f'q must be a finite number, got {q}')
    counts = _present(counts)
    weights = torch.where(counts > 0, (counts / counts.max()) ** float(q), 0.)
    if not weights.isfinite().all():
        raise ValueError(f'q={q} is too far from 0: n^q overflows')
    return _normalise(weights)


def effective_probabilities(counts: Tensor, beta: float = 0.9999) -> Tensor:
    """(C,) -> (C,): proportional to n / E with the effective number E = (1 - beta^n) / (1 - beta).

    Cui et al., Class-Balanced Loss, CVPR 2019, arXiv:1901.05555.
    """
    counts = _present(counts)
    weights = torch.zeros_like(counts)
    weights[counts > 0] = counts[counts > 0] * effective_weights(counts[counts > 0], beta)
    return _normalise(weights)


def progressive_probabilities(counts: Tensor, epoch: float, max_epochs: float, last: str = 'paper') -> Tensor:
    """(C,) -> (C,): (1 - t) n / N + t / C, with t = epoch / max_epochs from 0 on, at most 1.

    Kang et al., ICLR 2020, arXiv:1910.09217. The paper never is fully balanced within ``max_epochs``; its code
    (``last='balanced'``) divides by ``max_epochs - 1`` instead, so that the last epoch is.

    >>> progressive_probabilities([6, 2], epoch=5, max_epochs=10).tolist()
    [0.625, 0.375]
    """
    if last not in ('paper', 'balanced'):
        raise ValueError(f"last must be 'paper' or 'balanced', got {last!r}")
    t = _progress(epoch, max_epochs) if last == 'paper' else _progress(epoch, max_epochs, max_epochs - 1)
    return (1 - t) * power_probabilities(counts, 1) + t * power_probabilities(counts, 0)


def curriculum_exponent(epoch: float, max_epochs: float, schedule: str = 'convex', base: float = 0.99):
    """g in n^g: from 1 (the data) towards 0 (balanced) over ``max_epochs``; constant afterwards.

    Dynamic Curriculum Learning, Wang et al., ICCV 2019, arXiv:1901.06783. With l = epoch and L = max_epochs:
    ``'convex'`` cos(pi l / 2L), ``'linear'`` 1 - l / L, ``'concave'`` base^l, ``'composite'`` (cos(pi l / L) + 1) / 2.
    """
    t = _progress(epoch, max_epochs)
    if schedule == 'convex':
        return math.cos(math.pi * t / 2)
    if schedule == 'linear':
        return 1 - t
    if schedule == 'concave':
        if not 0 < base <= 1:
            raise ValueError(f'base must lie in (0, 1], got {base}')
        return base ** (t * max_epochs)
    if schedule == 'composite':
        return (math.cos(math.pi * t) + 1) / 2
    raise ValueError(f"schedule must be 'convex', 'linear', 'concave' or 'composite', got {schedule!r}")


def accuracy_probabilities(counts: Tensor, accuracy: Tensor, power: float = 1.0, eps: float = 1e-3) -> Tensor:
    """(C,), (C,) in [0, 1] -> (C,): proportional to (1 - accuracy + eps)^power; 0 for an empty class.

    >>> accuracy_probabilities([4, 1, 0], torch.tensor([0.5, 0., 0.]), eps=0.5)
    tensor([0.4000, 0.6000, 0.0000])
    """
    counts = _present(counts)
    if not torch.is_tensor(accuracy) or accuracy.shape != counts.shape or not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError(f'accuracy must be a tensor of {len(counts)} fractions in [0, 1], got {accuracy!r:.60}')
    return _normalise(torch.where(counts > 0, (1 - accuracy + eps)**power, 0.))


def _progress(epoch, max_epochs, steps=None):
    if not 1 <= max_epochs < math.inf:
        raise ValueError(f'max_epochs must be a number of at least 1, got {max_epochs}')
    steps = max_epochs if steps is None else steps
    return min(max(epoch, 0) / steps, 1.) if steps else 1.


def _present(counts):
    counts = as_counts(counts, allow_empty=True)
    if not counts.any():
        raise ValueError('every class has 0 images; nothing can be drawn')
    return counts


def _normalise(weights):
    return weights / weights.sum()


class ClassIndex:
    """The images of each class: class c owns ``order[start[c]:start[c] + counts[c]]``.

    Args:
        labels: ndarray (n,) of ints in [0, C).
        num_classes (int): C.
        images: ndarray (n,), the image of each label; by default label i is that of image i.
    """

    def __init__(self, labels: np.ndarray, num_classes: int, images: Any = None):
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in 'iu':
            raise TypeError(f'labels must be an array (n,) of integers, got {type(labels).__name__} {labels!r:.60}')
        # numpy sorts 16-bit keys by radix
        order = np.argsort(labels.astype(np.uint16) if num_classes <= 1 << 16 else labels, kind='stable')
        self.order = torch.from_numpy(order if images is None else images[order])
        self.counts = torch.from_numpy(np.bincount(labels, minlength=num_classes))
        self.start = self.counts.cumsum(0) - self.counts

    def at(self, places: np.ndarray, rising: bool = False):
        """The images at ``places`` in the order of the classes, (B,) -> (B,) int64."""
        return self.order.numpy()[places]


def shuffled_indices(size: int, num_samples: int, generator: torch.Generator):
    """(M,): permutations of ``range(size)`` one after another."""
    if size < 1:
        raise ValueError(f'size must be at least 1, got {size}')
    rows = torch.empty(-(-num_samples // size), size, dtype=torch.int64)  # too many are an error here
    for row in rows:
        torch.randperm(size, generator=generator, out=row)
    return rows.flatten()[:num_samples]


def drawn_indices(index: ClassIndex, probabilities: Tensor, num_samples: int, generator: torch.Generator):
    """(M,): M independent draws of a class by ``probabilities`` (C,), each with a uniform image of its class.

    How often each class comes is read off M uniform numbers in rising order, cut at the cumulated probabilities; the
    list is shuffled at the end. That takes O(M + C log M), and any number of images.
    """
    # partial sums of M + 1 exponential variables over their total: M sorted uniform ones, none of them 0
    rising = torch.rand(num_samples + 1, dtype=torch.float64, generator=generator)
    rising = rising.neg_().log1p_().neg_().clamp_(min=1e-300).cumsum(0)
    edges = probabilities.cumsum(0)
    ends = torch.searchsorted(rising[:-1], edges / edges[-1] * rising[-1], right=True)
    times = ends.diff(prepend=ends.new_zeros(1))
    place = torch.rand(num_samples, dtype=torch.float64, generator=generator)
    place = place.mul_(index.counts.repeat_interleave(times)).long().add_(index.start.repeat_interleave(times))
    return torch.from_numpy(index.at(place.numpy()))[torch.randperm(num_samples, generator=generator)]


def balanced_indices(index: ClassIndex, num_samples: int, generator: torch.Generator):
    """(M,): each class as often as any other, up to one; no image of a class comes again before all of it came.

    M = n_min C is under-sampling, M = n_max C is over-sampling without chance in the number of repeats.
    """
    present = index.counts.nonzero().flatten()
    times = torch.zeros_like(index.counts)
    times[present] = num_samples // len(present)
    times[present[torch.randperm(len(present), generator=generator)[:num_samples % len(present)]]] += 1
    return _cycles(index, times, generator)[torch.randperm(num_samples, generator=generator)]


def class_cycle_indices(index: ClassIndex, num_samples: int, samples_per_class: int, generator: torch.Generator):
    """(M,): classes in shuffled cycles, ``samples_per_class`` images at each visit from the class's own cycles."""
    present = index.counts.nonzero().flatten().numpy()
    visits = -(-num_samples // samples_per_class)
    classes = _cycles(ClassIndex(np.zeros_like(present), 1, present), torch.tensor([visits]), generator)
    slots = ClassIndex(classes.numpy(), len(index.counts))
    picks = _cycles(index, slots.counts * samples_per_class, generator)
    out = torch.empty(visits, samples_per_class, dtype=torch.int64)
    out[slots.order] = picks.view(visits, samples_per_class)
    return out.flatten()[:num_samples]


def _cycles(index, times, generator):
    """``times`` (C,) images of each class, class after class, from shuffled cycles through the class."""
    counts, times = index.counts.numpy(), times.numpy()
    rounds = -(-times // counts.clip(1))
    lengths = rounds * counts
    # NumPy shuffles the rows of an array in one call: all cycles of one length, the shortest first
    rng = np.random.default_rng(torch.randint(1 << 62, (), generator=generator).item())
    rows = np.bincount(counts, rounds).astype(np.int64)
    cycles = np.empty(lengths.sum(), np.int64)
    end = 0
    for size in np.flatnonzero(rows):
        begin, end = end, end + rows[size] * size
        block = cycles[begin:end].reshape(-1, size)
        block[:] = np.arange(size)
        rng.permuted(block, axis=1, out=block)
    by_size = counts.argsort(kind='stable')
    starts = np.empty_like(lengths)
    starts[by_size] = lengths[by_size].cumsum() - lengths[by_size]
    where = (starts - times.cumsum() + times).repeat(times)
    where += np.arange(len(where))
    taken = cycles[where]
    taken += index.start.numpy().repeat(times)
    return index.order[torch.from_numpy(taken)]
