"""Balanced softmax and logit adjustment with a background.  z (N, C + 1), counts n (C,), pi = n / sum n."""
import math

from torch.nn import functional as F

from ..core import losses
from ..core.counts import log_prior
from .base import SoftmaxRoILoss


def prior_shift(counts, background=None):
    """(C,) -> (C + 1,): log of what training sees over what the test is to assume.

    Args:
        background (float, optional): None keeps the share of background and makes the C classes equal among each
            other: log(C pi_c), and 0 for the background. A share b of the RoIs makes all C + 1 classes equal:
            log((1 - b) pi_c), and log b.

    >>> import torch
    >>> prior_shift(torch.tensor([3.0, 1.0]).double()).exp()
    tensor([1.5000, 0.5000, 1.0000], dtype=torch.float64)
    """
    shift = log_prior(counts)
    if background is None:
        return F.pad(shift + math.log(len(counts)), (0, 1))
    return F.pad(shift + math.log1p(-background), (0, 1), value=math.log(background))


class _BackgroundPrior(SoftmaxRoILoss):

    def __init__(self, class_counts=None, *, background=None, **kwargs):
        if background is not None and not 0 < background < 1:
            raise ValueError(f'background is the share of RoIs without an object, in (0, 1), or None; got {background}')
        super().__init__(class_counts, **kwargs)
        self.background = background


class BalancedSoftmaxLoss(_BackgroundPrior, losses.BalancedSoftmaxLoss):
    """CE(z + log n) in a RoI head. Ren et al., Balanced Meta-Softmax, NeurIPS 2020, arXiv:2007.10740.

    The counts are instances of the C classes; at test the raw logits are used. The background, of which the paper has
    none, keeps its share: its logit is not shifted and the others by log(C pi_c), 0 for equal counts.

    Args:
        background (float, optional): see :func:`prior_shift`.

    >>> import torch
    >>> loss = BalancedSoftmaxLoss(class_counts=[30, 10])
    >>> loss.get_cls_channels(2)
    3
    >>> loss(torch.zeros(2, 3), torch.tensor([1, 2]))
    tensor(1.4452)
    """

    def bias(self, counts):
        return prior_shift(counts, self.background)


class LogitAdjustLoss(_BackgroundPrior, losses.LogitAdjustLoss):
    """CE(z + tau log pi) in a RoI head. Menon et al., ICLR 2021, arXiv:2007.07314.

    With ``tau=1`` it is :class:`BalancedSoftmaxLoss`, with ``tau=0`` cross entropy.

    Args:
        tau (float): strength.
        background (float, optional): see :func:`prior_shift`.
    """

    def bias(self, counts):
        return self.tau * prior_shift(counts, self.background)

    def losses(self, logits, target):
        if self.tau == 0:  # to the bit
            return F.cross_entropy(logits, target, reduction='none')
        return super().losses(logits, target)
