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
    """w q^gamma b with b = softplus(x) - Y x, q = 1 - e^-b and x = (Y + (1 - Y) lambda) z; its derivative by x is
    w q^(gamma - 1) (gamma (1 - q) b + q) (sigmoid(x) - Y). What it keeps is x, -b and -q."""

    @staticmethod
    def forward(ctx, logits, target, gamma, neg_scale, weights):
        x, minus_b, minus_q = _FocalBCE.terms(logits, target, neg_scale)
        ctx.gamma, ctx.neg_scale = gamma, neg_scale
        ctx.save_for_backward(logits, target, x, minus_b, minus_q, weights)
        focus = minus_q.square() if gamma == 2 else minus_q.neg().pow_(gamma)
        focus = focus.neg_() if weights is None else focus.mul_(weights).neg_()
        return focus * minus_b  # not in place: torch.compile (2.11) loses the backward of a result that is

    @staticmethod
    def backward(ctx, grad):
        logits, target, x, minus_b, minus_q, weights = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted: differentiate from the input on
            x, minus_b, minus_q = _FocalBCE.terms(logits, target, ctx.neg_scale)
        slope = (1 + minus_q).mul_(minus_b).mul_(ctx.gamma).add_(minus_q)
        if ctx.gamma == 2:
            slope.mul_(minus_q)
        elif ctx.gamma == 1:
            slope.neg_()
        else:  # the floor keeps gamma < 1 finite
            slope.mul_((-minus_q).clamp(min=torch.finfo(x.dtype).tiny)**(ctx.gamma - 1)).neg_()
        slope.mul_(x.sigmoid() - target).mul_(grad)
        if weights is not None:
            slope.mul_(weights)
        return _FocalBCE.scaled(slope, target, ctx.neg_scale), None, None, None, None

    @staticmethod
    def terms(logits, target, neg_scale):
        x = _FocalBCE.scaled(logits, target, neg_scale)
        minus_b = softplus(x).neg_().addcmul_(target, x)
        return x, minus_b, minus_b.expm1()

    @staticmethod
    def scaled(x, target, neg_scale):
        """x (Y + (1 - Y) lambda)."""
        return x if neg_scale == 1 else (neg_scale * x).addcmul_(target, x, value=1 - neg_scale)


def focal_bce(logits, target, gamma=2.0, neg_scale=1.0, weights=None):
    """w (1 - p_t)^gamma BCE with p_t = e^-BCE, elementwise, (N, C) -> (N, C).

    Args:
        target (Tensor): (N, C).
        neg_scale (float): multiplies the logits of negatives.
        weights (Tensor, optional): w (N, C).
    """
    return _FocalBCE.apply(logits, target, gamma, neg_scale, weights)


def sigmoid_focal(logits, target, gamma=2.0):
    """Focal loss of C binary problems without alpha, summed over them, (N, C) -> (N,).

    Lin et al., ICCV 2017, arXiv:1708.02002.
    """
    if target.ndim == 1:
        return focal_bce(logits, torch.zeros_like(logits).scatter_(1, target[:, None], 1), gamma).sum(1)
    zeros = torch.zeros_like(logits)
    rest = target.sum(1, keepdim=True) - target
    return (target * focal_bce(-logits, zeros, gamma) + rest * focal_bce(logits, zeros, gamma)).sum(1)
