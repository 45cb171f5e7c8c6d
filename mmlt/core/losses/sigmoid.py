"""One-vs-all losses.  z (N, C), labels (N,) or rows Y (N, C) of any mass; softplus(z) = -log(1 - sigmoid z)."""
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


def softplus(x: Tensor):
    """log(1 + e^x), to the last bit of float64 as well (torch's default turns linear at 20)."""
    return F.softplus(x, threshold=40)


def weighted_bce(logits: Tensor, target: Tensor, positive: Tensor | None = None,
                 negative: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """sum_j Y_j positive_j softplus(-z_j) + (sum_k Y_k - Y_j) negative_j softplus(z_j), (N, C) -> (N,).

    Args:
        positive (Tensor, optional): (C,) weights, default 1.
        negative (Tensor, optional): (C,) or (N, C) weights or bools, default 1.
        bias (Tensor, optional): (C,), added to the logits.
    """
    positive = logits.new_ones(logits.size(1)) if positive is None else positive
    negative = logits.new_ones(logits.size(1)) if negative is None else negative
    if target.ndim == 2:
        logits = logits if bias is None else logits + bias
        positive = target * positive
        factor = positive + (target.sum(1, keepdim=True) - target) * negative
        return (softplus(logits) * factor - positive * logits).sum(1)
    # not by gather, which keeps the logits; first, that its gradient (N, C) comes last
    own = logits[torch.arange(len(target), device=target.device), target]
    own = positive[target] * softplus(-(own if bias is None else own + bias[target]))
    others = logits.clone() if bias is None else logits + bias
    return own + softplus(others.scatter_(1, target[:, None], -1e4)).mul_(negative).sum(1)  # softplus(-1e4) is 0


class _FocalBCE(Function):
    """w / a q^gamma b at x = a (z + v), with b = softplus(x) - Y x and q = |s - Y|, s = sigmoid(x). Its derivative by z
    is w q^(gamma - 2) (s - Y) (q^2 + gamma s (1 - s) b). Made by hand: autograd passes three times as often over
    (N, C), and torch's softplus alone takes as long as cross entropy."""

    @staticmethod
    def forward(ctx, logits, target, gamma, weights, scale, bias):
        x = logits if scale is None else (logits + bias).mul_(scale)
        s = x.sigmoid()
        bce = x.clamp(min=0).addcmul_(target, x, value=-1)
        bce.sub_((s - 0.5).abs_().add_(0.5).log_())  # softplus(x) = max(x, 0) - log max(s, 1 - s)
        error = s - target
        slope = _FocalBCE.slope(s, error, bce, gamma, weights) if ctx.needs_input_grad[0] else None
        ctx.gamma = gamma
        ctx.save_for_backward(logits, target, weights, scale, bias, slope)
        focus = error.square_() if gamma == 2 else error.abs_().pow_(gamma)
        if weights is not None:
            focus.mul_(weights)
        if scale is not None:
            focus.div_(scale)
        return focus * bce  # not in place: torch.compile (2.11) loses the backward of a result that is

    @staticmethod
    def slope(s, error, bce, gamma, weights):
        if gamma == 2:
            lead = error
        elif gamma == 1:
            lead = error.sign()
        else:  # the floor keeps gamma < 2 finite
            lead = error * error.abs().clamp(min=torch.finfo(error.dtype).eps)**(gamma - 2)
        slope = error.square().addcmul_(torch.addcmul(s, s, s, value=-1), bce, value=gamma).mul_(lead)
        return slope if weights is None else slope.mul_(weights)

    @staticmethod
    def backward(ctx, grad):
        logits, target, weights, scale, bias, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted: differentiate from the input on
            x = logits if scale is None else (logits + bias) * scale
            s = x.sigmoid()
            slope = _FocalBCE.slope(s, s - target, softplus(x) - target * x, ctx.gamma, weights)
        return slope * grad, None, None, None, None, None


def focal_bce(logits: Tensor, target: Tensor, gamma: float = 2.0, weights: Tensor | None = None,
              scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """w / a q^gamma b, elementwise, with b = BCE(x, Y), q = |sigmoid(x) - Y|, x = a (z + v): (N, C), (N, C) -> (N, C).

    For Y of 0 and 1, q is 1 - p_t of the focal loss; between them it is that of the quality focal loss (Li et al.,
    NeurIPS 2020, arXiv:2006.04388).

    Args:
        weights (Tensor, optional): w (N, C), default 1.
        scale, bias (Tensor, optional): a (N, C) > 0 and v (C,), both or none; default 1 and 0. They get no gradient.
    """
    return _FocalBCE.apply(logits, target, gamma, weights, scale, bias)


def sigmoid_focal(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss of C binary problems without alpha, summed over them, (N, C) -> (N,).

    Lin et al., ICCV 2017, arXiv:1708.02002.
    """
    if target.ndim == 1:
        return focal_bce(logits, torch.zeros_like(logits).scatter_(1, target[:, None], 1), gamma).sum(1)
    zeros = torch.zeros_like(logits)
    rest = target.sum(1, keepdim=True) - target
    return (target * focal_bce(-logits, zeros, gamma) + rest * focal_bce(logits, zeros, gamma)).sum(1)
