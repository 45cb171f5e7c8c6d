"""One-vs-all losses.  z (N, C), labels (N,) or rows Y (N, C) of any mass; softplus(z) = -log(1 - sigmoid z)."""
import torch
import torch.nn.functional as F
from torch.autograd import Function


def softplus(x):
    """log(1 + e^x), to the last bit of float64 as well (torch's default turns linear at 20)."""
    return F.softplus(x, threshold=40)


def weighted_bce(logits, target, positive=None, negative=None):
    """sum_j Y_j positive_j softplus(-z_j) + (sum_k Y_k - Y_j) negative_j softplus(z_j), (N, C) -> (N,).

    Args:
        positive (Tensor, optional): (C,) weights, default 1.
        negative (Tensor, optional): (C,) or (N, C) weights, default 1.
    """
    positive = logits.new_ones(logits.size(1)) if positive is None else positive
    negative = logits.new_ones(logits.size(1)) if negative is None else negative
    if target.ndim == 2:
        positive = target * positive
        factor = positive + (target.sum(1, keepdim=True) - target) * negative
        return (softplus(logits) * factor - positive * logits).sum(1)
    index, positive = target[:, None], positive[target][:, None]
    factor = negative.expand_as(logits).scatter(1, index, positive)
    # softplus(-z) = softplus(z) - z, taken on the element so that the sum loses no digits
    return (softplus(logits) * factor).scatter_add(1, index, -positive * logits.gather(1, index)).sum(1)


class _FocalBCE(Function):
    """w q^gamma b with b = softplus(z) - Y z and q = 1 - e^-b; its derivative by z is
    w q^(gamma - 1) (gamma (1 - q) b + q) (sigmoid(z) - Y). Made by hand, since autograd passes three times as often
    over (N, C)."""

    @staticmethod
    def terms(logits, target):
        """-> b and -q; b >= 0 in spite of rounding."""
        bce = softplus(logits).addcmul_(target, logits, value=-1).clamp_(min=0)
        return bce, bce.neg().expm1_()

    @staticmethod
    def forward(ctx, logits, target, gamma, weights):
        bce, minus_q = _FocalBCE.terms(logits, target)
        ctx.gamma = gamma
        ctx.save_for_backward(logits, target, weights, bce, minus_q)
        focus = minus_q.square() if gamma == 2 else minus_q.neg().pow_(gamma)
        if weights is not None:
            focus.mul_(weights)
        return focus * bce  # not in place: torch.compile (2.11) loses the backward of a result that is

    @staticmethod
    def backward(ctx, grad):
        logits, target, weights, bce, minus_q = ctx.saved_tensors
        error = logits.sigmoid()
        if torch.is_grad_enabled():  # a second derivative is wanted: differentiate from the input on
            bce, minus_q = _FocalBCE.terms(logits, target)
            error = error - target
        else:
            error.sub_(target)
        slope = torch.addcmul(minus_q, 1 + minus_q, bce, value=-ctx.gamma)  # so far negative
        if ctx.gamma == 2:
            error.mul_(minus_q)
        elif ctx.gamma == 1:
            error.neg_()
        else:  # the floor keeps gamma < 1 finite
            error.mul_((-minus_q).clamp(min=torch.finfo(slope.dtype).tiny)**(ctx.gamma - 1)).neg_()
        slope.mul_(error).mul_(grad)
        return slope if weights is None else slope.mul_(weights), None, None, None


def focal_bce(logits, target, gamma=2.0, weights=None):
    """w (1 - p_t)^gamma b, elementwise, with b = BCE(z, Y) and p_t = e^-b: (N, C), (N, C) -> (N, C).

    Args:
        weights (Tensor, optional): w (N, C), default 1.
    """
    return _FocalBCE.apply(logits, target, gamma, weights)


def sigmoid_focal(logits, target, gamma=2.0):
    """Focal loss of C binary problems without alpha, summed over them, (N, C) -> (N,).

    Lin et al., ICCV 2017, arXiv:1708.02002.
    """
    if target.ndim == 1:
        return focal_bce(logits, torch.zeros_like(logits).scatter_(1, target[:, None], 1), gamma).sum(1)
    zeros = torch.zeros_like(logits)
    rest = target.sum(1, keepdim=True) - target
    return (target * focal_bce(-logits, zeros, gamma) + rest * focal_bce(logits, zeros, gamma)).sum(1)
