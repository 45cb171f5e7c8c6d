"""Softmax focal loss.  z (N, C), p = softmax z."""
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .base import ClassWeightedLoss


def softmax_focal(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """(1 - p_y)^gamma (-log p_y), (N, C) -> (N,)."""
    if target.ndim == 1:
        nll = F.cross_entropy(logits, target, reduction='none')
        return focus(nll, gamma) * nll
    nll = -logits.log_softmax(1)
    return (target * focus(nll, gamma) * nll).sum(1)


def focus(nll: Tensor, gamma: float) -> Tensor:
    """-log p of any shape -> (1 - p)^gamma."""
    wrong = -torch.expm1(-nll)
    if gamma < 1:  # a finite gradient at 0
        wrong = wrong + torch.finfo(nll.dtype).tiny
    return wrong**gamma


class SoftmaxFocalLoss(ClassWeightedLoss):
    """(1 - p_y)^gamma CE. Lin et al., Focal loss, ICCV 2017, arXiv:1708.02002, in its softmax form.

    MMPretrain's ``FocalLoss`` is C binary problems with alpha, another loss. Takes ``class_weight``, ``beta`` and the
    arguments of :class:`LongTailLoss`.

    Args:
        gamma (float): focus; 0 is CE.

    >>> import torch
    >>> SoftmaxFocalLoss()(torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]]), torch.tensor([0, 2]))
    tensor(0.9107)
    """

    needs_counts = False

    def __init__(self, class_counts: Counts | None = None, *, gamma: float = 2.0, **kwargs):
        check_range(self, '[0, inf)', gamma=gamma)
        super().__init__(class_counts, **kwargs)
        self.gamma = gamma

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return softmax_focal(logits, target, self.gamma)
