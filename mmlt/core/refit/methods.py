"""Second stages on cached features.  N images, C classes, D features, G settings.

Each takes the training :class:`~.fit.Split`, the joint linear classifier and a :class:`~.fit.Recipe`, and returns a
new layer in eval mode. Features come from the test pipeline, while the two-run recipes see augmented images.
"""
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from ..layers import DisAlignLinear, LWSLinear, MARCLinear, NCMClassifier
from ..losses import GeneralizedReweightLoss
from ..max_norm import max_norm_radius, project_rows
from ..random import global_seed
from .fit import Recipe, Split, fit, linear, new_linear
from .grid import norm_scales, prior_shifts, sweep

TAUS = [round(0.1 * i, 1) for i in range(21)]


def crt(train: Split, joint: nn.Linear, recipe: Recipe):
    """cRT: a new linear layer on class-balanced samples. Kang et al., ICLR 2020, arXiv:1910.09217."""
    return fit(new_linear(joint, recipe.seed), train, recipe, lr=0.1)


def lws(train: Split, joint: nn.Linear, recipe: Recipe):
    """LWS: one scale a class on class-balanced samples, folded into a linear layer. Kang et al., ICLR 2020."""
    layer = fit(_on_top_of(joint, LWSLinear, recipe.seed), train, recipe, lr=0.1)
    return linear(layer.scales[:, None] * layer.weight, layer.scales * layer.bias)


def tau_norm(train: Split, joint: nn.Linear, recipe: Recipe, tau: float):
    """tau-norm: ``w_c / ||w_c||^tau`` without the bias. Kang et al., ICLR 2020."""
    return linear(joint.weight * norm_scales(joint.weight, [tau])[0, :, None])


def ncm(train: Split, joint: nn.Linear, recipe: Recipe, mode: str):
    """Nearest class mean of the training features. Kang et al., ICLR 2020."""
    layer = NCMClassifier(joint.in_features, joint.out_features, mode).to(joint.weight.device)
    layer.fit(train.features[train.rows], train.y)
    return layer.eval()


def disalign(train: Split, joint: nn.Linear, recipe: Recipe, rho: float):
    """DisAlign: adaptive calibration by a re-weighted CE on the data as it is. Zhang et al., CVPR 2021,
    arXiv:2103.16370. At the paper's learning rate, 0.1, the confidence may fall to 0 on images known by heart."""
    return fit(_on_top_of(joint, DisAlignLinear, recipe.seed), train, recipe, lr=0.01,
               loss=_reweighted(train, joint, rho), balanced=False)


def marc(train: Split, joint: nn.Linear, recipe: Recipe, rho: float):
    """MARC: a scale and a margin a class by a re-weighted CE on the data as it is, folded into a linear layer. Wang et
    al., ACML 2022, arXiv:2112.07225."""
    layer = fit(_on_top_of(joint, MARCLinear, recipe.seed), train, recipe, lr=0.05, loss=_reweighted(train, joint, rho),
                balanced=False)
    return linear(layer.logit_scale[:, None] * layer.weight, layer(layer.weight.new_zeros(1, joint.in_features))[0])


def logit_adjust(train: Split, joint: nn.Linear, recipe: Recipe, tau: float):
    """Post-hoc logit adjustment ``z - tau log pi``, folded into the bias. Menon et al., ICLR 2021, arXiv:2007.07314."""
    return linear(joint.weight, joint.bias + _shifts(train, joint, [tau])[0])


def maxnorm(train: Split, joint: nn.Linear, recipe: Recipe, weight_decay: float = 0.1):
    """Weight balancing: class-balanced samples, a strong weight decay, rows kept in a ball. Alshammari et al., CVPR
    2022, arXiv:2203.14197 (there with a class-balanced loss instead of the samples)."""
    layer = linear(joint.weight, joint.bias).requires_grad_()
    radius = max_norm_radius(joint.weight)
    return fit(layer, train, recipe, lr=0.01, weight_decay=weight_decay,
               after_step=lambda: layer.weight.copy_(project_rows(layer.weight, radius)))


def los(train: Split, joint: nn.Linear, recipe: Recipe, smoothing: float):
    """LOS: over-smoothed labels on class-balanced samples, from the joint weights on. Sun et al., Label Over-Smooth Can
    Balance, ICLR 2025, arXiv:2403.00250. Its code has smoothing 0.98 and draws the data as they are."""
    loss = partial(F.cross_entropy, label_smoothing=smoothing)
    layer = linear(joint.weight, joint.bias).requires_grad_()
    return fit(layer, train, recipe, lr=0.1, weight_decay=0., loss=loss)


class Method(NamedTuple):
    """How to fit a second stage, and the settings to choose from."""
    fit: Callable
    grid: tuple = ({},)


METHODS = {
    'crt': Method(crt),
    'lws': Method(lws),
    'tau_norm': Method(tau_norm, tuple(dict(tau=tau) for tau in TAUS)),
    'ncm': Method(ncm, tuple(dict(mode=mode) for mode in ('cl2n', 'l2n', 'un'))),
    'disalign': Method(disalign, tuple(dict(rho=rho) for rho in (0.4, 0.8, 1.2))),
    'marc': Method(marc, tuple(dict(rho=rho) for rho in (0.4, 0.8, 1.2))),
    'logit_adjust': Method(logit_adjust, tuple(dict(tau=tau) for tau in TAUS)),
    'maxnorm': Method(maxnorm),
    'los': Method(los, tuple(dict(smoothing=smoothing) for smoothing in (0.5, 0.9, 0.98))),
}


def class_hits(name: str, train: Split, held_out: Split, joint: nn.Linear, recipe: Recipe):
    """(G, C): right predictions on ``held_out`` of each class, for every setting of the method's grid."""
    if name == 'tau_norm':
        scales = norm_scales(joint.weight, TAUS)
        return sweep(held_out, joint.weight, None, scales, torch.zeros_like(scales))
    if name == 'logit_adjust':
        shifts = _shifts(train, joint, TAUS)
        return sweep(held_out, joint.weight, joint.bias, torch.ones_like(shifts), shifts)
    method, hits = METHODS[name], []
    for setting in method.grid:
        layer = method.fit(train, joint, recipe, **setting)
        right = [y[layer(x).argmax(1) == y] for x, y in held_out.chunks()]
        hits.append(torch.bincount(torch.cat(right), minlength=joint.out_features).cpu())
    return torch.stack(hits)


def _reweighted(train, joint, rho):
    counts = train.counts(joint.out_features).clamp_min(1)
    return GeneralizedReweightLoss(rho=rho, class_counts=counts).to(joint.weight.device)


def _shifts(train, joint, taus):
    return prior_shifts(train.counts(joint.out_features).cpu(), taus).to(joint.weight.device)


def _on_top_of(joint, layer, seed):
    """``layer`` with the joint weights; what it draws for itself leaves the global random state alone."""
    with global_seed(seed):
        layer = layer(joint.in_features, joint.out_features).to(joint.weight.device)
    layer.load_state_dict(joint.state_dict())
    return layer
