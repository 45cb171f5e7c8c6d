"""Cross entropy with class-wise scale, bias and smoothing.  z (N, C), labels y (N,), rows Y (N, C); a, b, e (C,)."""
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


def vector_scale(logits: Tensor, scale: Tensor | None = None, bias: Tensor | None = None):
    """a z + b, (N, C)."""
    if scale is None:
        return logits if bias is None else logits + bias
    return logits * scale if bias is None else torch.addcmul(bias, logits, scale)


class _CrossEntropy(Function):
    """Cross entropy with its gradient by hand, (p - onehot (1 - e) - e / C) a.

    It keeps p from the forward pass. Left to autograd, the same formula keeps and reads several more (N, C) tensors.
    """

    @staticmethod
    def forward(ctx, logits, labels, scale, bias, eps):
        adjusted = vector_scale(logits, scale, bias)
        p = adjusted.softmax(1)
        ctx.save_for_backward(logits, p, labels, scale, bias, eps)
        own = adjusted.gather(1, labels[:, None]).squeeze(1)
        nll = (adjusted.amax(1) - own) - p.amax(1).log()  # the largest p is at least 1 / C
        return nll if eps is None else nll + eps * (own - adjusted.mean(1))

    @staticmethod
    def backward(ctx, grad):
        logits, p, labels, scale, bias, eps = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted: differentiate from the input on
            p = vector_scale(logits, scale, bias).softmax(1)
        out = p * grad[:, None]
        out.scatter_add_(1, labels[:, None], -(grad if eps is None else grad * (1 - eps))[:, None])
        if eps is not None:
            out.sub_((grad * eps / logits.size(1))[:, None])
        return out if scale is None else out.mul_(scale), None, None, None, None


def adjusted_cross_entropy(logits: Tensor, target: Tensor, scale: Tensor | None = None, bias: Tensor | None = None,
                           eps: Tensor | None = None) -> Tensor:
    """(1 - e_y) l_y + e_y mean_k l_k with l = -log softmax(a z + b), (N, C) -> (N,).

    Args:
        target (Tensor): labels (N,), or rows (N, C) of any mass.
        scale, bias, eps (Tensor, optional): (C,), default 1, 0 and 0. They get no gradient.
    """
    if target.ndim == 1:
        return _CrossEntropy.apply(logits, target, scale, bias, None if eps is None else eps[target])
    logits = vector_scale(logits, scale, bias)
    if eps is None:
        return F.cross_entropy(logits, target, reduction='none')
    nll = -logits.log_softmax(1)
    return (target * (1 - eps) * nll).sum(1) + (target * eps).sum(1) * nll.mean(1)
