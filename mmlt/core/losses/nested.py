"""Nested collaborative learning.  E experts, N images, C classes; logits z (E, N, C), counts n (C,)."""
import torch
from torch import Tensor

from ..checks import check_range
from ..contrast.base import FLOOR
from ..counts import Counts
from .cross_entropy import adjusted_cross_entropy
from .experts import ExpertLoss


def mutual_divergence(logits: Tensor) -> Tensor:
    """(E, N, C) -> (N,): the sum over ordered pairs of KL(softmax(z_j) || softmax(z_i)), over E - 1. Both learn."""
    log_p = logits.log_softmax(-1)
    p = log_p.exp()
    # sum_ij p_j (log p_j - log p_i), in O(E N C)
    pairs = len(p) * (p * log_p).sum((0, 2)) - (p.sum(0) * log_p.sum(0)).sum(1)
    return pairs / max(len(p) - 1, 1)


def own_classes(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C), labels (N,) or rows (N, C) -> mask (N, C)."""
    if target.ndim == 2:
        return target > 0
    return torch.zeros_like(logits, dtype=torch.bool).scatter(1, target[:, None], True)


def hard_classes(logits: Tensor, target: Tensor, number: int) -> Tensor:
    """(N, C), labels (N,) or rows (N, C), k -> mask (N, C): the own classes, and those of the highest logits up to k
    in all."""
    own = own_classes(logits, target)
    top = logits.detach().masked_fill(own, torch.inf).topk(min(number, logits.size(1)), 1).indices
    return own.scatter(1, top, True)


class NCLLoss(ExpertLoss):
    """sum_e [CE(z_e + log n) + CE of the hard classes alone] + distillation (KL over all classes + KL over the hard
    ones), KL the mutual divergence of the experts' z + log n. Li et al., Nested Collaborative Learning for Long-Tailed
    Visual Recognition, CVPR 2022, arXiv:2203.15359.

    The hard classes of an image are those with the highest logits of the first expert, its own among them. The paper's
    self-supervision (a queue an expert, off in the released configs but for Places-LT) is left out.

    Args:
        hard (float): how many classes are hard: a share of C below 1, or a number; the authors' 30 of 100, 300 of
            1,000, 2,442 of 8,142, 122 of 365.
        distillation (float): weight of both divergences.
        mask (str): ``'neginf'`` leaves the other classes out of the softmax, as the paper says; ``'zero'`` multiplies
            their logits by 0, as the authors' code does, so that they stay in it.

    Raises:
        ValueError: an unknown ``mask``.

    >>> loss = NCLLoss(class_counts=[100, 10, 1], hard=2)
    >>> loss(torch.tensor([[[2., 0., -1.]], [[1., 1., 0.]]]), torch.tensor([0]))
    tensor(0.4105)
    """

    corrects_prior = True

    def __init__(self, class_counts: Counts | None = None, *, hard: float = 0.3, distillation: float = 0.6,
                 mask: str = 'neginf', **kwargs):
        check_range(self, '(0, inf)', hard=hard)
        check_range(self, '[0, inf)', distillation=distillation)
        if mask not in ('neginf', 'zero'):
            raise ValueError(f"NCLLoss: mask={mask!r}; expected 'neginf' or 'zero'")
        super().__init__(class_counts, **kwargs)
        self.hard, self.distillation, self.mask = hard, distillation, mask

    def expert_losses(self, logits: Tensor, target: Tensor):
        classes = logits.size(-1)
        number = round(self.hard * classes) if self.hard < 1 else round(self.hard)
        kept = hard_classes(logits[0], target, max(number, 1))
        logits = logits + self.class_counts.log().to(logits.dtype)
        partial = logits * kept if self.mask == 'zero' else logits.masked_fill(~kept, FLOOR)
        losses = sum(adjusted_cross_entropy(z, target, None, None) for z in (*logits, *partial))
        return losses + self.distillation * (mutual_divergence(logits) + mutual_divergence(partial))
