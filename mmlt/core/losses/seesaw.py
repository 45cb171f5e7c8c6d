"""Seesaw loss.  z (N, C), s = softmax z without gradient, counts (C,) of the labels seen so far."""
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_integer, check_range
from ..counts import Counts
from ..dist import sum_over_ranks
from .base import LongTailLoss


def seesaw(logits: Tensor, labels: Tensor, seen: Tensor, p: float = 0.8, q: float = 2.0, eps: float = 1e-2) -> Tensor:
    """CE(z + log S) with S_yj = min(1, n_j / n_y)^p max(1, s_j / max(s_y, eps))^q, (N, C), (N,) -> (N,).

    S is kept as a logarithm, so that nothing overflows, and only in its rows of the labels, (N, C).
    """
    index = labels[:, None]
    log_seen = seen.clamp(min=1).log().to(logits.dtype)
    with torch.no_grad():
        log_s = logits.log_softmax(1)
        own = log_s.gather(1, index).clamp(min=math.log(eps))
        log_s = log_s.sub_(own).clamp_(min=0).mul_(q)
        log_s += (log_seen - log_seen[index]).clamp_(max=0).mul_(p)
    log_s = logits + log_s  # the other is free
    return F.cross_entropy(log_s, labels, reduction='none')


class SeesawSoftmaxLoss(LongTailLoss):
    """Softmax whose negatives are weakened by rarity and raised by mistakes. Wang et al., CVPR 2021, arXiv:2008.10032.

    The same mathematics as MMPretrain's ``SeesawLoss``, at a hundredth of its time and memory, with soft labels, and
    with counts over all ranks. The counts are those of the labels seen so far (a soft row adds itself), taken before
    the loss of each training step, as the paper has it, so any sampler will do; they are the buffer ``seen`` (C,).

    Args:
        p (float): mitigation: rarer negatives of a frequent label weigh (n_j / n_y)^p.
        q (float): compensation: a negative above its label weighs (s_j / s_y)^q.
        eps (float): floor of s_y.
        max_labels (int): labels of a soft row, 2 for Mixup and CutMix. More raise a ValueError on CPU.
    """

    needs_counts = False
    sized = ('seen', )

    def __init__(self, class_counts: Counts | None = None, *, p: float = 0.8, q: float = 2.0, eps: float = 1e-2,
                 max_labels: int = 2, **kwargs):
        check_range(self, '[0, inf)', p=p, q=q)
        check_range(self, '(0, inf)', eps=eps)
        check_integer(self, 1, max_labels=max_labels)
        super().__init__(class_counts, **kwargs)
        self.p = p
        self.q = q
        self.eps = eps
        self.max_labels = max_labels

    def losses(self, logits: Tensor, target: Tensor) -> Any:
        self.size(logits.size(1))
        if self.counting:
            self.count(target)
        settings = (self.seen, self.p, self.q, self.eps)
        if target.ndim == 1:
            return seesaw(logits, target, *settings)
        self.check_rows(target)
        shares, labels = target.topk(min(self.max_labels, target.size(1)), dim=1)
        return sum(share * seesaw(logits, label, *settings) for share, label in zip(shares.unbind(1), labels.unbind(1)))

    def count(self, target: Tensor) -> None:
        """Add the labels of the batch, over all ranks."""
        if target.ndim == 1:
            batch = torch.zeros_like(self.seen).index_add_(0, target, self.seen.new_ones(len(target)))
        else:
            batch = target.sum(0, dtype=self.seen.dtype)
        sum_over_ranks(batch)
        self.seen = self.seen + batch  # not in place: a compiled backward pass may compute S anew

    def check_rows(self, target: Tensor) -> None:
        if target.device.type == 'cpu' and len(target) and not torch.compiler.is_compiling():
            most = int((target > 0).sum(1).max())
            if most > self.max_labels:
                raise ValueError(f'a soft row has {most} labels, SeesawSoftmaxLoss takes max_labels={self.max_labels}; '
                                 'raise it (each costs one pass) or leave label smoothing out')
