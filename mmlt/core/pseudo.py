"""Pseudo-labels.  N unlabelled images, C classes, n (C,) labelled counts, pi their shares.

Yang & Xu, NeurIPS 2020, arXiv:2006.07529; CReST: Wei et al., CVPR 2021, arXiv:2102.09559.
"""
import numpy as np
from torch import Tensor


def crest_rates(counts: Tensor, alpha: float = 3.0) -> Tensor:
    """(C,) -> (C,): (n of the class of the opposite rank / n_max)^(1 / alpha), the share of each class's pseudo-labels
    that are added; 1 for the rarest class.

    >>> import torch
    >>> crest_rates(torch.tensor([100., 10., 1.]))
    tensor([0.2154, 0.4642, 1.0000])
    """
    order = counts.sort(descending=True, stable=True)
    rank = order.indices.argsort()
    return (order.values.flip(0)[rank] / order.values[0])**(1 / alpha)


def select(labels: Tensor, confidences: Tensor, rates: Tensor):
    """The most confident share of each class, rounded down: (N,), (N,), (C,) -> indices in rising order."""
    chosen = [np.zeros(0, np.int64)]
    for c, rate in enumerate(np.asarray(rates, np.float64)):
        mine = np.flatnonzero(labels == c)
        keep = int(len(mine) * rate + 1e-9)
        chosen.append(mine[np.argsort(-confidences[mine], kind='stable')[:keep]])  # type: ignore[arg-type]
    return np.sort(np.concatenate(chosen))


def alignment_temperature(generation: int, generations: int, t_min: float = 0.5):
    """t of CReST+: 1 in the first generation, ``t_min`` in the last."""
    if generations == 1:
        return 1.0
    share = generation / (generations - 1)
    return (1 - share) + t_min * share


def align(probabilities: Tensor, counts: Tensor, mean: Tensor, t: float = 0.5) -> Tensor:
    """(N, C), (C,), (C,) -> (N, C): p (pi^t + 1e-6) / (m + 1e-6), normalised: the model's mean prediction m is moved to
    the labelled shares to the power of t, themselves normalised.

    >>> import torch
    >>> p, m = torch.tensor([[.6, .3, .1]]), torch.tensor([.8, .15, .05])
    >>> align(p, torch.tensor([100., 10., 1.]), m)
    tensor([[0.4739, 0.3997, 0.1264]])
    """
    target = (counts / counts.sum())**t
    target = target / target.sum()
    aligned = probabilities * ((target + 1e-6) / (mean + 1e-6)).to(probabilities)
    return aligned / aligned.sum(1, keepdim=True)
