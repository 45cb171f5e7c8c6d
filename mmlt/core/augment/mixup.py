"""What the mixup family shares: reproducible draws, and the convex combination of a batch with its partners.

N images, C classes. A batch augment maps ``(inputs (N, ...), one_hot (N, C))`` to mixed inputs and soft labels; plain
mixup and CutMix are MMPretrain's own.
"""
import torch
from torch import Tensor

from ..checks import check_integer, check_tensor
from ..counts import ClassCounts
from ..dist import rank
from ..private import standard_gamma
from ..random import seeded_generator


def mix(x: Tensor, partners: Tensor, lam: Tensor):
    """lam x + (1 - lam) partners for ``x`` and ``partners`` (N, ...) and ``lam`` a float or (N,).

    >>> mix(torch.tensor([[0., 8.], [4., 0.]]), torch.tensor([[4., 0.], [0., 8.]]), torch.tensor([0.25, 1.]))
    tensor([[3., 2.],
            [4., 0.]])
    """
    if isinstance(lam, torch.Tensor):
        lam = lam.to(x).view(-1, *[1] * (x.ndim - 1))
    return torch.lerp(partners, x, lam)


def soft_labels(one_hot: Tensor, inputs: Tensor):
    """(N, C), (N, ...) -> float32 (N, C). Raises for what is no tensor, and for images without a pixel."""
    check_tensor('one_hot', one_hot)
    check_tensor('inputs', inputs)
    if one_hot.ndim != 2:
        raise ValueError(f'labels must be one-hot, (N, C), got the shape {tuple(one_hot.shape)}; apply '
                         'torch.nn.functional.one_hot first')
    if len(one_hot) != len(inputs):
        raise ValueError(f'{len(inputs)} inputs have {len(one_hot)} labels')
    if not inputs.numel():
        raise ValueError(f'inputs have shape {tuple(inputs.shape)}: there is nothing to mix')
    return one_hot.float()


class BatchAugment:
    """Base of the mixup family: draws that depend on (seed, epoch, rank) and the number of draws in the epoch only.

    They are made on the CPU and moved, so every device sees the same ones. ``ClassCountsHook`` calls
    :meth:`set_epoch`; a plain training loop does so itself.

    Args:
        seed (int, optional): by default the seed of the run, ``torch.initial_seed()``.
    """

    def __init__(self, seed: int | None = None, **kwargs):
        if seed is not None:
            check_integer(self, 0, seed=seed)
        super().__init__(**kwargs)
        self.seed = seed
        self._generator: torch.Generator | None = None

    def set_epoch(self, epoch: int) -> None:
        """Begin the draws of an epoch."""
        seed = torch.initial_seed() if self.seed is None else self.seed
        # the last key parts these draws from a sampler's of the same seed and epoch
        self._generator = seeded_generator(seed, epoch, rank(), 1)

    @property
    def generator(self):
        if self._generator is None:
            self.set_epoch(0)
        return self._generator

    def draw_beta(self, alpha: float, n: int = 1):
        """float64 (n,) from Beta(alpha, alpha)."""
        shape = torch.full((2, n), alpha + 1, dtype=torch.float64)
        # Gamma(alpha) = Gamma(alpha + 1) U^(1 / alpha), in logarithms: a tiny alpha does not end in 0 / 0
        gamma = standard_gamma(shape, self.generator).log_()
        gamma -= torch.empty_like(shape).exponential_(generator=self.generator) / alpha
        return (gamma[0] - gamma[1]).sigmoid_()

    def draw_permutation(self, n: int, device: torch.device | str):
        """int64 (n,): a partner for each image, each image once."""
        return torch.randperm(n, generator=self.generator).to(device, non_blocking=True)


class CountsAugment(BatchAugment, ClassCounts):
    """A batch augment that depends on the training counts, which ``ClassCountsHook`` sets.

    Attributes:
        partner_power (float): class c is drawn as a partner with a probability proportional to n_c^power.
        partners (iterator, optional): batches (N, ...), (N, C) of partners drawn in this way from the whole training
            set; ``PartnerHook`` sets it. Without it partners come from the batch itself, each image with a weight of
            n^(power - 1), with replacement; a class that is not in the batch is not drawn.
    """

    partner_power = None
    partners = None

    allow_empty = True  # no image asks for an empty class
    counted = 'labels'

    def label_counts(self, labels: Tensor):
        """(N, C) -> float64 (N,): the count of each image's class."""
        self.check_counts(labels.shape[1])
        if self.class_counts.device != labels.device:
            self.to(labels.device)
        return self.class_counts.clamp(min=1)[labels.argmax(1)]

    def draw_partners(self, inputs: Tensor, labels: Tensor, counts: Tensor):
        """(N, ...), (N, C), (N,) -> partners (N, ...) and their labels (N, C)."""
        if self.partners is not None:
            images, partner_labels = next(self.partners)
            return images[:len(inputs)], partner_labels[:len(inputs)]
        index = self.draw_weighted((self.partner_power - 1) * counts.log())
        return inputs[index], labels[index]

    def draw_weighted(self, log_weights: Tensor):
        """(N,) -> int64 (N,): independent draws, image b with probability proportional to exp(log_weights[b])."""
        n = len(log_weights)
        draws = torch.rand(n, generator=self.generator, dtype=torch.float64).to(log_weights, non_blocking=True)
        # a cumulated sum; torch.cumsum refuses to run on CUDA under use_deterministic_algorithms
        edges = log_weights.softmax(0).expand(n, n).tril().sum(1)
        return torch.searchsorted(edges, draws * edges[-1], right=True).clamp_(max=n - 1)
