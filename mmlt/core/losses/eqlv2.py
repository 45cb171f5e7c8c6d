"""Equalization loss v2.  z (N, C), s = sigmoid z; positive and negative gradients gathered per class (C,)."""
import torch
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from ..dist import sum_over_ranks
from .base import LongTailLoss
from .sigmoid import weighted_bce


def balance_weights(positive: Tensor, negative: Tensor, gamma: float = 12.0, mu: float = 0.8, alpha: float = 4.0):
    """Gathered gradients (C,), (C,) -> weights of the positives and of the negatives, (C,), (C,).

    With g = positive / negative (100 before the first step) and f = sigmoid(gamma (g - mu)): 1 + alpha (1 - f) and f.
    """
    started = positive.sum() + negative.sum() > 0
    ratio = torch.where(started, positive / (negative + 1e-10), 100.0)
    rising = torch.sigmoid(gamma * (ratio - mu))
    return 1 + alpha * (1 - rising), rising


class EqualizationLossV2(LongTailLoss):
    """C binary problems, summed, each re-balanced by its gradients so far. Tan et al., CVPR 2021, arXiv:2012.08548.

    The gradients are gathered after the loss of a training step, summed over ranks, and are state: buffers
    ``positive`` and ``negative`` (C,), untouched in evaluation.

    Args:
        gamma, mu (float): slope and centre of the map from the gradient ratio to the weight.
        alpha (float): how far positives are raised.
    """

    needs_counts = False
    sized = ('positive', 'negative')

    def __init__(self, class_counts: Counts | None = None, *, gamma: float = 12.0, mu: float = 0.8, alpha: float = 4.0,
                 **kwargs):
        check_range(self, '[0, inf)', gamma=gamma, alpha=alpha)
        check_range(self, '(-inf, inf)', mu=mu)
        super().__init__(class_counts, **kwargs)
        self.gamma = gamma
        self.mu = mu
        self.alpha = alpha

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        self.size(logits.size(1))
        weights = self.balance()
        loss = weighted_bce(logits, target, *(w.to(logits.dtype) for w in weights))
        if self.counting:
            self.gather(logits.detach(), target, *weights)
        return loss

    def balance(self):
        """-> weights of the positives (C,) and of the negatives (C,)."""
        return balance_weights(self.positive, self.negative, self.gamma, self.mu, self.alpha)

    def gather(self, logits: Tensor, target: Tensor, positive: Tensor, negative: Tensor) -> None:
        """Add the weighted |gradient| of every class, over all ranks."""
        probs, dtype = logits.sigmoid(), positive.dtype
        if target.ndim == 1:
            index = target[:, None]
            miss = torch.sigmoid(-logits.gather(1, index)).squeeze(1).to(dtype)
            of_positives = torch.zeros_like(positive).index_add_(0, target, miss)
            of_negatives = probs.scatter_(1, index, 0).sum(0, dtype=dtype)
        else:
            of_positives = (target * torch.sigmoid(-logits)).sum(0, dtype=dtype)
            of_negatives = ((1 - target) * probs).sum(0, dtype=dtype)
        of_positives *= positive
        of_negatives *= negative
        sum_over_ranks(of_positives, of_negatives)
        # not in place: a compiled backward pass may compute the weights anew
        self.positive = self.positive + of_positives
        self.negative = self.negative + of_negatives
