"""Cross entropy with class-wise scale, bias and smoothing.  z (N, C), labels y (N,), rows Y (N, C); a, b, e (C,)."""
import torch
import torch.nn.functional as F
from torch.autograd import Function


def vector_scale(logits, scale=None, bias=None):
    """a z + b, (N, C)."""
    if scale is None:
        return logits if bias is None else logits + bias
    return logits * scale if bias is None else torch.addcmul(bias, logits, scale)


class _CrossEntropy(Function):
    """The gradient ((p - onehot (1 - e) - e / C) a is made from the adjusted logits in place: autograd's chain holds
    and passes over twice as many (N, C) tensors."""

    @staticmethod
    def forward(ctx, logits, labels, scale, bias, eps):
        adjusted = vector_scale(logits, scale, bias)
        ctx.save_for_backward(logits, adjusted, labels, scale, bias, eps)
        nll = F.cross_entropy(adjusted, labels, reduction='none')
        if eps is None:
            return nll
        return nll + eps * (adjusted.gather(1, labels[:, None]).squeeze(1) - adjusted.mean(1))

    @staticmethod
    def backward(ctx, grad):
        logits, adjusted, labels, scale, bias, eps = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted: differentiate from the input on
            out = vector_scale(logits, scale, bias).softmax(1).clone()
        else:
            out = adjusted.softmax(1)
        keep = torch.ones_like(grad) if eps is None else 1 - eps
        out.scatter_add_(1, labels[:, None], -keep[:, None])
        if eps is not None:
            out.sub_((eps / logits.size(1))[:, None])
        out.mul_(grad[:, None])
        return out if scale is None else out.mul_(scale), None, None, None, None


def adjusted_cross_entropy(logits, target, scale=None, bias=None, eps=None):
    """(1 - e_y) l_y + e_y mean_k l_k with l = -log softmax(a z + b), (N, C) -> (N,).

    Args:
        target (Tensor): labels (N,), or rows (N, C) of any mass.
        scale, bias, eps (Tensor, optional): (C,), default 1, 0 and 0. They get no gradient.
    """
    if target.ndim == 1 and not (scale is None and eps is None):
        return _CrossEntropy.apply(logits, target, scale, bias, None if eps is None else eps[target])
    logits = vector_scale(logits, scale, bias)
    if eps is None:
        return F.cross_entropy(logits, target, reduction='none')
    nll = -logits.log_softmax(1)
    return (target * (1 - eps) * nll).sum(1) + (target * eps).sum(1) * nll.mean(1)
