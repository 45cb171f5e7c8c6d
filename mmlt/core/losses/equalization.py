"""Equalization losses: rare classes (pi_c < threshold) are spared as negatives.  z (N, C), pi (C,)."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from ..random import Draws
from .base import LongTailLoss
from .sigmoid import weighted_bce

DROPPED = -1e30  # e^DROPPED is 0, and no inf - inf comes of it


def softmax_equalization(logits: Tensor, target: Tensor, log_keep: Tensor) -> Tensor:
    """log sum_k w_k e^z_k - z_y with w_y = 1, (N, C) -> (N,).

    Args:
        log_keep (Tensor): log w, (C,) or (N, C); ``DROPPED`` or less for 0.
    """
    if target.ndim == 1:
        log_keep = log_keep.expand_as(logits).scatter(1, target[:, None], 0)
        log_keep = logits + log_keep  # the other is free
        return F.cross_entropy(log_keep, target, reduction='none')
    others = (logits + log_keep).logsumexp(1, keepdim=True)
    own = logits + (-log_keep.exp()).log1p().clamp(min=DROPPED)  # what of e^z_c the sum lacks
    return (target * (torch.logaddexp(others, own) - logits)).sum(1)


class SoftmaxEqualizationLoss(LongTailLoss):
    """Softmax over the label and what of the rare classes was not dropped.

    Tan et al., Equalization loss, CVPR 2020, arXiv:2003.05176, softmax form. The draw is one for each image and
    class; in evaluation nothing is drawn and a rare negative has its expected weight 1 - gamma.

    Args:
        gamma (float): probability that a rare class is dropped as a negative.
        threshold (float): a class is rare if pi_c is less, a share of the training images: 0.005 for CIFAR-100-LT of
            imbalance 100, 4.3e-4 for ImageNet-LT.
        seed (int): of the draws.
    """

    def __init__(self, class_counts: Counts | None = None, *, gamma: float = 0.9, threshold: float = 0.005,
                 seed: int = 0, **kwargs):
        check_range(self, '[0, 1]', gamma=gamma, threshold=threshold)
        super().__init__(class_counts, **kwargs)
        self.gamma = gamma
        self.threshold = threshold
        self.draws = Draws(seed)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return softmax_equalization(logits, target, self.draw(logits))

    def draw(self, logits: Tensor) -> Tensor:
        """log w of each image and class, (N, C); in evaluation (C,)."""
        rare = self.class_counts < self.threshold * self.class_counts.sum()
        if not self.training:
            return rare.to(logits.dtype) * (math.log1p(-self.gamma) if self.gamma < 1 else DROPPED)
        generator = self.draws.generator(logits.device)
        drawn = torch.rand(logits.shape, generator=generator, device=logits.device) < self.gamma
        return torch.zeros_like(logits).masked_fill_(drawn.logical_and_(rare), DROPPED)


class EqualizationLoss(LongTailLoss):
    """C binary problems, summed; rare classes get no negative. Tan et al., CVPR 2020, arXiv:2003.05176.

    Args:
        threshold (float): a class is rare if pi_c is less, a share of the training images; 1.77e-3 is for LVIS v0.5.
    """

    def __init__(self, class_counts: Counts | None = None, *, threshold: float = 1.77e-3, **kwargs):
        check_range(self, '[0, 1]', threshold=threshold)
        super().__init__(class_counts, **kwargs)
        self.threshold = threshold

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        frequent = self.class_counts >= self.threshold * self.class_counts.sum()
        return weighted_bce(logits, target, negative=frequent.to(logits.dtype))
