"""BALMS' meta sampler.  C classes, counts n (C,), learnt w (C,), B draws; classifier parameters W, features (B, D).

Class c is drawn with a probability proportional to n_c sigmoid(w_c). The authors draw images by Gumbel noise over all
N; over the C classes the law and its gradient are the same, and memory is O(B C).
"""
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp


def initial_weights(counts: Tensor, power: float = 0.0) -> Tensor:
    """(C,) -> (C,): logit of pi^-p / (min + max); p = 0 draws the data, p = 1 every class alike. 0 for empty classes.

    >>> initial_weights(torch.tensor([100., 10., 1.]), 0.1).sigmoid()
    tensor([0.3869, 0.4870, 0.6131])
    """
    present = counts > 0
    rate = torch.where(present, (counts.clamp(min=1) / counts.sum())**-power, 0)
    rate = rate / (rate[present].min() + rate[present].max())
    return torch.where(present, rate, 0.5).logit()


def class_log_rates(weights: Tensor, counts: Tensor) -> Tensor:
    """(C,), (C,) -> (C,): log n_c sigmoid(w_c); -inf for an empty class."""
    return counts.log() + F.logsigmoid(weights)


def straight_through(log_rates: Tensor, noise: Tensor, temperature: float = 1.0):
    """(C,), Gumbel noise (B, C) -> one-hot draws (B, C) with the gradient of their softmax."""
    scores = log_rates + noise
    soft = (scores / temperature).softmax(1)
    hard = F.one_hot(scores.argmax(1), scores.size(1)).to(soft)
    return hard - soft.detach() + soft


def gumbel_given(log_rates: Tensor, classes: Any, generator: torch.Generator | None = None):
    """(C,), (B,) -> noise (B, C) from its law given that the draws are ``classes``."""
    shape, log_p = (len(classes), len(log_rates)), log_rates.log_softmax(0).to(torch.float64)
    uniform = torch.rand(shape, dtype=torch.float64, generator=generator).to(log_p.device, non_blocking=True)
    gumbel = -(-uniform.clamp(1e-300, 1 - 1e-16).log()).log()
    own = classes[:, None]
    top = gumbel.gather(1, own)  # the maximum, of the standard law
    others = -torch.logaddexp(-top, -(gumbel + log_p))  # cut off at the maximum
    noise = torch.where(log_p.isneginf(), gumbel, others - log_p)
    return noise.scatter(1, own, top - log_p[own]).to(log_rates)


def share_gradient(losses: Callable[[dict], Tensor], meta_loss: Callable[[dict], Tensor], params: dict[str, Tensor],
                   shares: Callable[[Tensor], Tensor], lr: float, momentum_buffers: dict | None = None,
                   momentum: float = 0.0, weight_decay: float = 0.0) -> tuple[Tensor, Tensor]:
    """-> l (B,), (B,): the losses, and the gradient of the meta loss, after one step of SGD, towards the share of each
    image in that step.

    The step is W' = W - lr (m buffer + d sum_b h_b l_b / dW + decay W) with shares h that it takes as constants. The
    meta loss is linear in them up to first order, so its gradient is -lr times the slope of l_b along d meta / dW'.

    Args:
        losses (callable): parameters -> l (B,).
        meta_loss (callable): parameters -> scalar.
        params (dict): W.
        shares (callable): l (B,) -> h (B,).
        momentum_buffers (dict, optional): of the optimizer.
    """
    def step_loss(p):
        own = losses(p)
        return own @ shares(own.detach())

    inner, buffers = grad(step_loss)(params), momentum_buffers or {}
    after = {key: w - lr * (inner[key] + weight_decay * w + momentum * buffers.get(key, 0))
             for key, w in params.items()}
    own, slope = jvp(losses, (params, ), (grad(meta_loss)(after), ))[:2]
    return own, -lr * slope


def draw_gradient(layer: nn.Module, params: dict[str, Tensor], feats: Tensor, labels: Tensor, log_n: Tensor,
                  meta_feats: Tensor, meta_labels: Tensor, lr: float, **momentum: Any) -> Tensor:
    """-> (B,): :func:`share_gradient` of a classifier's images, all with the share 1 / B, times 1 / B.

    Args:
        layer (nn.Module): the classifier, features (B, D) -> logits (B, C); its loss is the balanced softmax.
        params (dict): its parameters.
        log_n (Tensor): log class counts (C,).
        meta_feats, meta_labels (Tensor): the balanced batch, (M, D) and (M,); its loss is the cross entropy.
    """
    def losses(p):
        return F.cross_entropy(functional_call(layer, p, (feats, )) + log_n, labels, reduction='none')

    def meta_loss(p):
        return F.cross_entropy(functional_call(layer, p, (meta_feats, )), meta_labels)

    def shares(own):
        return torch.full_like(own, 1 / len(own))

    return share_gradient(losses, meta_loss, params, shares, lr, **momentum)[1] / len(labels)


def weight_gradient(weights: Tensor, counts: Tensor, noise: Tensor, classes: Any, draw_grad: Tensor,
                    temperature: float = 1.0) -> Tensor:
    """-> (C,): d meta loss / d w from that towards each draw, (B,), through the straight-through draws."""
    weights = weights.detach().requires_grad_()
    draws = straight_through(class_log_rates(weights, counts), noise, temperature)
    own = draws.gather(1, classes[:, None]).squeeze(1)
    return torch.autograd.grad((own * draw_grad).sum(), weights)[0]
