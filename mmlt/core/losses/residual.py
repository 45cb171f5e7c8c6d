"""Residual branches.  N images, C classes; logits z (3, N, C) of the branches, counts n (C,)."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts, rarest
from .experts import ExpertLoss


class ResLTLoss(ExpertLoss):
    """beta L + (1 - beta) CE(z_1 + z_2 + z_3), where L is the mean of CE(z_1) of all images, CE(z_2) of those of medium
    and rare classes, and CE(z_3) of those of rare classes. Cui et al., ResLT: residual learning for long-tailed
    recognition, TPAMI 2022, arXiv:2101.10633.

    A soft row counts with its share of these classes. L is a mean over the rank's own batch.

    Args:
        beta (float): 0.995 for CIFAR-100-LT, 0.99 for ImageNet-LT.
        shares (tuple[float, float]): which share of the classes, the rarest, is medium or rare, and which is rare,
            rounded to classes: (0.65, 0.3) for CIFAR-100-LT, (0.8, 0.6) for CIFAR-10-LT, (0.825, 0.22) for ImageNet-LT.

    Raises:
        ValueError: the second share is larger than the first; the logits are not of three branches.

    >>> loss = ResLTLoss(class_counts=[100, 10, 1], shares=(0.67, 0.33))
    >>> loss(torch.tensor([1., 0.5, 0.2]).expand(3, 1, 3), torch.tensor([2]))
    tensor(1.5265)
    """

    def __init__(self, class_counts: Counts | None = None, *, beta: float = 0.995,
                 shares: Sequence[float] = (0.65, 0.3), **kwargs):
        check_range(self, '[0, 1]', beta=beta)
        if len(shares) != 2:
            raise ValueError(f'ResLTLoss: shares={shares}; expected two, of medium and rare and of rare classes')
        for share in shares:
            check_range(self, '[0, 1]', shares=share)
        if shares[1] > shares[0]:
            raise ValueError(f'ResLTLoss: shares={shares}; the second, rare classes, is part of the first, medium and '
                             'rare ones')
        super().__init__(class_counts, **kwargs)
        self.beta, self.shares = beta, tuple(shares)

    def expert_losses(self, logits: Tensor, target: Tensor):
        if len(logits) != 3:
            raise ValueError(f'ResLTLoss is for 3 branches, the logits are of {len(logits)}; take ResidualBranches and '
                             'ResidualClsHead')
        numbers = [round(share * len(self.class_counts)) for share in self.shares]
        rare = [rarest(self.class_counts, number).to(logits.dtype) for number in numbers]
        if target.ndim == 1:
            mass = torch.stack([logits.new_ones(len(target)), *(kept[target] for kept in rare)])
            own = mass * torch.stack([F.cross_entropy(z, target, reduction='none') for z in logits])
        else:
            rows = [target, *(target * kept for kept in rare)]
            mass = torch.stack([row.sum(1) for row in rows])
            own = torch.stack([F.cross_entropy(z, row, reduction='none') for z, row in zip(logits, rows)])
        fused = F.cross_entropy(logits.sum(0), target, reduction='none')
        return self.beta * own.sum(0) * (len(target) / mass.sum()) + (1 - self.beta) * fused
