"""Global and local mixture consistency.  Images x (N, D, H, W), C classes, logits z (N, C), counts n (C,)."""
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..counts import ClassCounts, Counts


def local_mix(images: Tensor, partners: Tensor, lam: float, center: Sequence[int]) -> Tensor:
    """Paste a box of the partners, half a side ceil(S sqrt(1 - lambda)) // 2 of the image's side S to each side of the
    centre, clipped at the border.

    ``lam`` is a float, ``center`` row and column; -> (N, D, H, W).
    """
    rows, cols = (slice(max(middle - half, 0), middle + half) for size, middle in zip(images.shape[2:], center)
                  for half in [math.ceil(size * math.sqrt(1 - lam)) // 2])
    mixed = images.clone()
    mixed[:, :, rows, cols] = partners[:, :, rows, cols]
    return mixed


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C), rows (N, C) of any sum -> scalar, the mean over the rows."""
    return -(target * logits.float().log_softmax(1)).sum(1).mean()


def consistency(predicted: Sequence[Tensor], projected: Sequence[Tensor]) -> Tensor:
    """Two views' predictions and projections, (N, E) each -> -cos(p1, z2) - cos(p2, z1), z without gradient."""
    pairs = zip(predicted, (z.detach() for z in reversed(projected)))
    return -torch.stack([F.cosine_similarity(p.float(), z.float(), dim=1).mean() for p, z in pairs]).sum()


class LabelWeights(ClassCounts):
    """Class weights n^-power that sum to C, times the soft rows of a mixture: (N, C) -> (N, C). Du et al., CVPR 2023,
    arXiv:2305.08661.

    >>> LabelWeights(1.0, class_counts=[3, 1])(torch.tensor([[1., 1.]]))
    tensor([[0.5000, 1.5000]])
    """
    counted = 'labels'

    def __init__(self, power: float, class_counts: Counts | None = None):
        super().__init__()
        self.power = power
        self.take(class_counts)

    def derive(self) -> None:
        weights = self.class_counts**-self.power
        self.register_buffer('weights', weights * (len(weights) / weights.sum()), persistent=False)

    def forward(self, target: Tensor) -> Tensor:
        self.check_counts(target.size(1))
        return target * self.weights.to(target.dtype)
