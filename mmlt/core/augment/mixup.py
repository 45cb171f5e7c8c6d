"""What the mixup family shares: reproducible draws, and the convex combination of a batch with its partners.

N images, C classes. A batch augment maps ``(inputs (N, ...), one_hot (N, C))`` to mixed inputs and soft labels; plain
mixup and CutMix are MMPretrain's own.
"""
import math

import torch
import torch.distributed as dist

from ..counts import ClassCounts, as_counts
from ..sampling import seeded_generator


def mix(x, index, lam):
    """lam x + (1 - lam) x[index] for ``x`` (N, ...), ``index`` (N,) and ``lam`` a float or (N,).

    >>> mix(torch.tensor([[0., 8.], [4., 0.]]), torch.tensor([1, 0]), torch.tensor([0.25, 1.]))
    tensor([[3., 2.],
            [4., 0.]])
    """
    if isinstance(lam, torch.Tensor):
        lam = lam.to(x).view(-1, *[1] * (x.ndim - 1))
    return torch.lerp(x[index], x, lam)


def soft_labels(one_hot):
    """(N, C) -> float32 (N, C)."""
    if one_hot.ndim != 2:
        raise ValueError(f'labels must be one-hot, (N, C), got the shape {tuple(one_hot.shape)}; apply '
                         'torch.nn.functional.one_hot first')
    return one_hot.float()


def check_positive(**values):
    """Raise unless every value is finite and > 0."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f'{name} must be a finite number > 0, got {value}')


class BatchAugment:
    """Base of the mixup family: draws that depend on (seed, epoch, rank) and the number of draws in the epoch only.

    They are made on the CPU and moved, so every device sees the same ones. ``ClassCountsHook`` calls
    :meth:`set_epoch`; a plain training loop does so itself.

    Args:
        seed (int, optional): by default the seed of the run, ``torch.initial_seed()``.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self._generator = None

    def set_epoch(self, epoch):
        """Begin the draws of an epoch."""
        rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
        seed = torch.initial_seed() if self.seed is None else self.seed
        # the last key parts these draws from a sampler's of the same seed and epoch
        self._generator = seeded_generator(seed, epoch, rank, 1)

    @property
    def generator(self):
        if self._generator is None:
            self.set_epoch(0)
        return self._generator

    def draw_beta(self, alpha, n=1):
        """float64 (n,) from Beta(alpha, alpha)."""
        shape = torch.full((2, n), alpha + 1, dtype=torch.float64)
        # Gamma(alpha) = Gamma(alpha + 1) U^(1 / alpha), in logarithms: a tiny alpha does not end in 0 / 0
        gamma = torch._standard_gamma(shape, generator=self.generator).log_()
        gamma -= torch.empty_like(shape).exponential_(generator=self.generator) / alpha
        return (gamma[0] - gamma[1]).sigmoid_()

    def draw_permutation(self, n, device):
        """int64 (n,): a partner for each image, each image once."""
        return torch.randperm(n, generator=self.generator).to(device, non_blocking=True)


class CountsAugment(BatchAugment, ClassCounts):
    """A batch augment that depends on the training counts, which ``ClassCountsHook`` sets."""

    def set_class_counts(self, counts):
        """Take the training counts (C,); an empty class does no harm, since no image asks for it."""
        self.class_counts = as_counts(counts, allow_empty=True).to(self.class_counts.device)

    def label_counts(self, labels):
        """(N, C) -> float64 (N,): the count of each image's class."""
        self.check_counts(labels.shape[1])
        if self.class_counts.device != labels.device:
            self.to(labels.device)
        return self.class_counts.clamp(min=1)[labels.argmax(1)]

    def draw_weighted(self, log_weights):
        """(N,) -> int64 (N,): independent draws, image b with probability proportional to exp(log_weights[b])."""
        n, device = len(log_weights), log_weights.device
        draws = torch.rand(n, generator=self.generator, dtype=torch.float64).to(device, non_blocking=True)
        # a cumulated sum; torch.cumsum refuses to run on CUDA under use_deterministic_algorithms
        edges = log_weights.softmax(0).expand(n, n).tril().sum(1)
        return torch.searchsorted(edges, draws * edges[-1], right=True).clamp_(max=n - 1)
