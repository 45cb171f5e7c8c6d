"""Label distribution disentangling.  z (N, C), counts n (C,), pi = n / sum n."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlt.core.counts import Counts

from ..checks import check_range
from ..counts import log_prior
from .base import LongTailLoss


def lade_regularizer(logits: Tensor, target: Tensor, log_pi: Tensor, remine_lambda: float = 0.1) -> Tensor:
    """-sum_c pi_c (P_c - Q_c - lambda Q_c^2), (N, C) -> scalar.

    P_c is the mean of z_c over the images of class c (0 without one); Q_c = log mean_b e^z_bc / (pi_c C).
    """
    if not len(logits):
        return logits.sum()
    if target.ndim == 1:
        own = logits.gather(1, target[:, None]).squeeze(1)
        total = logits.new_zeros(logits.size(1)).index_add(0, target, own)
        mass = logits.new_zeros(logits.size(1)).index_add(0, target, torch.ones_like(own))
    else:
        total, mass = (target * logits).sum(0), target.sum(0)
    joint = total / mass.masked_fill(mass == 0, 1)
    top = logits.detach().amax(0)  # logsumexp by hand: its own backward takes another exp
    marginal = (logits - top).exp().sum(0).log() + top - log_pi - math.log(logits.numel())
    return -(log_pi.exp() * (joint - marginal - remine_lambda * marginal**2)).sum()


class LADELoss(LongTailLoss):
    """Balanced softmax plus a regularised Donsker-Varadhan bound. Hong et al., CVPR 2021, arXiv:2012.00321.

    The bound is a statistic of the batch, here of each rank's own, as in the authors' code; it is added to every
    image's loss, so that the mean is CE(z + log n) + alpha LADER.

    Args:
        remine_lambda (float): of the regulariser's square. The authors' commands have 0.01 (CIFAR-100-LT), 0.5
            (ImageNet-LT, iNaturalist) and 0.1 (Places-LT).
        alpha (float): weight of the regulariser: 0.1, 0.05 and 0.005 there.
    """

    corrects_prior = True

    def __init__(self, class_counts: Counts | None = None, *, remine_lambda: float = 0.1, alpha: float = 0.1, **kwargs):
        check_range(self, '[0, inf)', remine_lambda=remine_lambda, alpha=alpha)
        super().__init__(class_counts, **kwargs)
        self.remine_lambda = remine_lambda
        self.alpha = alpha

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        log_pi = log_prior(self.class_counts).to(logits.dtype)
        loss = F.cross_entropy(logits + log_pi, target, reduction='none')
        return loss + self.alpha * lade_regularizer(logits, target, log_pi, self.remine_lambda)
