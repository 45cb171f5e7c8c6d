"""Label-aware smoothing.  z (N, C), smoothing e (C,): more for frequent classes."""
import math

import torch
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .base import ClassWeightedLoss, _check_choice
from .cross_entropy import adjusted_cross_entropy

SHAPES = ('concave', 'linear', 'convex', 'exp')


def smoothing(counts: Tensor, head: float = 0.4, tail: float = 0.1, shape: str = 'concave', power: float | None = None):
    """The smoothing of each class, (C,): ``tail`` at the smallest count, ``head`` at the largest.

    With x = (n - n_min) / (n_max - n_min), and x = 1 where all counts are equal.
    """
    _check_choice('shape', shape, SHAPES)
    span = counts.max() - counts.min()
    x = ((counts - counts.min()) / span).masked_fill(span == 0, 1)
    if shape == 'concave':
        x = torch.sin(math.pi / 2 * x)
    elif shape == 'convex':
        x = 1 - torch.cos(math.pi / 2 * x)
    elif shape == 'exp':
        x = x**power  # type: ignore[arg-type]
    return tail + (head - tail) * x


class LabelAwareSmoothLoss(ClassWeightedLoss):
    """CE with more smoothing for frequent classes. Zhong et al., MiSLAS, CVPR 2021, arXiv:2104.00466.

    A loss for the second stage. Takes ``class_weight``, ``beta`` and the arguments of :class:`LongTailLoss`.

    Args:
        smooth_head, smooth_tail (float): smoothing of the largest and of the smallest class.
        shape (str): ``'concave'``, ``'linear'``, ``'convex'`` or ``'exp'``, between the two.
        power (float, optional): of ``'exp'``, which needs it.
        form (str): ``'code'``, what MiSLAS ran: the smoothing spreads over all C classes; ``'paper'``: over the C - 1
            others.
    """

    def __init__(self, class_counts: Counts | None = None, *, smooth_head: float = 0.4, smooth_tail: float = 0.1,
                 shape: str = 'concave', power: float | None = None, form: str = 'code', **kwargs):
        _check_choice('shape', shape, SHAPES)
        _check_choice('form', form, ('code', 'paper'))
        check_range(self, '[0, 1]', smooth_head=smooth_head, smooth_tail=smooth_tail)
        if shape == 'exp':
            check_range(self, '(0, inf)', power=power)
        super().__init__(class_counts, **kwargs)
        self.smooth_head = smooth_head
        self.smooth_tail = smooth_tail
        self.shape = shape
        self.power = power
        self.form = form

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        eps = smoothing(self.class_counts, self.smooth_head, self.smooth_tail, self.shape, self.power)
        if self.form == 'paper':  # e / (C - 1) on the others is e C / (C - 1) on all
            eps = eps * (len(eps) / max(len(eps) - 1, 1))
        return adjusted_cross_entropy(logits, target, eps=eps.to(logits.dtype))
