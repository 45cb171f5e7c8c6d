"""Label distribution disentangling.  z (N, C), counts n (C,), pi = n / sum n."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from ..checks import check_range
from ..counts import Counts, log_prior
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
    else:
        total = (target * logits).sum(0)
    marginal = logits.logsumexp(0) - log_pi - math.log(logits.numel())
    joint = total / _mass(logits, target)
    return -(log_pi.exp() * (joint - marginal - remine_lambda * marginal**2)).sum()


def _mass(logits, target):
    """Images of each class in the batch, (C,); 1 where there is none."""
    mass = target.sum(0) if target.ndim == 2 else logits.new_zeros(logits.size(1)).index_add(
        0, target, logits.new_ones(len(target)))
    return mass.masked_fill(mass == 0, 1)


def _lade(logits, target, log_pi, remine_lambda, alpha):
    loss = F.cross_entropy(logits + log_pi, target, reduction='none')
    return loss + alpha * lade_regularizer(logits, target, log_pi, remine_lambda)


class _LADE(Function):
    """The loss (N,) with a derivative by hand, for memory: autograd keeps two exponentials and adds two gradients."""

    @staticmethod
    def forward(ctx, logits, target, log_pi, remine_lambda, alpha):
        ctx.save_for_backward(logits, target, log_pi)
        ctx.numbers = remine_lambda, alpha
        return _lade(logits, target, log_pi, remine_lambda, alpha)

    @staticmethod
    def backward(ctx, grad):
        z, target, log_pi = ctx.saved_tensors
        remine_lambda, alpha = ctx.numbers
        if torch.is_grad_enabled():  # a second derivative is wanted
            return *torch.autograd.grad(_lade(z, target, log_pi, *ctx.numbers), z, grad, create_graph=True), *[None] * 4
        slope = (z + log_pi).softmax(1)
        if not len(z):
            return slope, None, None, None, None
        sums = z.logsumexp(0)
        marginal = sums - log_pi - math.log(z.numel())
        pi = alpha * grad.sum() * log_pi.exp()
        joint = pi / _mass(z, target)
        if target.ndim == 1:
            slope.mul_(grad[:, None]).scatter_add_(1, target[:, None], -(grad + joint[target])[:, None])
        else:
            slope.mul_((grad * target.sum(1))[:, None]).addcmul_(target, grad[:, None] + joint, value=-1)
        slope.addcmul_((z - sums).exp_(), pi * (1 + 2 * remine_lambda * marginal))
        return slope, None, None, None, None


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
        return _LADE.apply(logits, target, log_pi, self.remine_lambda, self.alpha)
