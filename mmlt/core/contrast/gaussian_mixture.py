"""Gaussian mixture likelihood over class-wise keys.  Queries q (N, D), keys (K, D) of C classes, Z_c those of c.

log s(q|c) = log(1/|Z_c| sum_(k in Z_c) e^(q k / T)), and the loss is CE(log s + log pi). Summed over the classes, that
is one logsumexp over the keys, each with the bias log pi_c - log |Z_c|: nothing has the size N C or C K.
"""
import math

import torch
from torch import Tensor, nn

from ..checks import check_range
from ..counts import ClassCounts, log_prior
from .base import FLOOR, ContrastiveLoss

T_MIN, T_MAX = 0.01, 1.0


def gaussian_mixture(logits: Tensor, labels: Tensor, key_labels: Tensor, bias: Tensor) -> Tensor:
    """q k / T (N, K), (N,), (K,), bias (K,) or (N, K) -> (N,): -log of the share of the keys of the query's class."""
    logits = logits + bias
    own = logits.masked_fill(labels[:, None] != key_labels, FLOOR)
    return logits.logsumexp(1) - own.logsumexp(1)


class GaussianMixtureLoss(ContrastiveLoss, ClassCounts):
    """GML: CE(log s + log pi), whose likelihood s is a kernel density of the keys of each class. Suh and Seo,
    ICML 2023, arXiv:2305.01160.

    ``loss(queries (N, D), labels (N,), keys (K, D), key_labels (K,))``. A class without a key takes no part, a query of
    such a class is skipped. In memory O(K + N K).

    Args:
        temperature (float): T.
        learn_temperature (bool): train T, as the released code does, by a second term of the same form that sees no
            gradient of the features and no key of the query's own image; T stays in [0.01, 1]. Its parameter
            ``log_temperature`` (1,) wants no weight decay.
        class_counts: training counts (C,), or None to have ``ClassCountsHook`` fill them.

    Raises:
        ValueError: queries are not (N, D), keys are not (K, D), labels are no integers in 0 .. C - 1.
        RuntimeError: no class counts.
    """
    counted = 'keys'

    def __init__(self, temperature: float = 0.05, learn_temperature: bool = False, **kwargs):
        super().__init__(temperature, **kwargs)
        self.log_temperature = None
        if learn_temperature:
            check_range(self, f'[{T_MIN}, {T_MAX}]', temperature=temperature)
            self.log_temperature = nn.Parameter(torch.tensor([float(temperature)]).log())

    def derive(self) -> None:
        self.register_buffer('log_prior', log_prior(self.class_counts), persistent=False)

    def losses(self, queries: Tensor, labels: Tensor, keys: Tensor, key_labels: Tensor,
               query_index: Tensor | None = None, key_index: Tensor | None = None, keep: Tensor | None = None):
        """``query_index`` (N,) and ``key_index`` (K,) tell the images apart, for ``learn_temperature``; ``keep`` (K,)
        masks the keys that count, by default all."""
        self.check_counts()
        classes = len(self.class_counts)
        self.check(queries, labels, '(N, D)', classes)
        if keys.ndim != 2 or keys.size(1) != queries.size(1) or key_labels.shape != keys.shape[:1]:
            raise ValueError(f'GaussianMixtureLoss: keys have shape {tuple(keys.shape)}, their labels '
                             f'{tuple(key_labels.shape)}; expected (K, {queries.size(1)}) and (K,)')
        counting = keys.new_ones(len(keys)) if keep is None else keep.to(keys.dtype)
        size = keys.new_zeros(classes).index_add(0, key_labels, counting)
        prior = self.log_prior.to(keys.dtype)
        bias = prior[key_labels] - size[key_labels].clamp(min=1).log()
        bias = bias if keep is None else bias.masked_fill(~keep, FLOOR)
        valid = size[labels] > 0
        cosine = queries @ keys.t()
        if self.log_temperature is None:
            return gaussian_mixture(cosine / self.temperature, labels, key_labels, bias), valid
        if query_index is None or key_index is None:
            raise ValueError('GaussianMixtureLoss: learn_temperature=True needs query_index=(N,) and key_index=(K,), '
                             'the number of the image that each comes from')
        temperature = self._bounded_temperature()
        itself = (query_index[:, None] == key_index) & (counting > 0)
        left = size[labels] - itself.sum(1)
        itself &= (left > 0)[:, None]  # where nothing is left, the class keeps its keys
        shift = (size[labels] / left.clamp(min=1)).log().masked_fill(left <= 0, 0)[:, None]
        rest = torch.where(labels[:, None] == key_labels, bias + shift, bias).masked_fill(itself, FLOOR)
        return (gaussian_mixture(cosine / temperature.detach(), labels, key_labels, bias)
                + gaussian_mixture(cosine.detach() / temperature, labels, key_labels, rest)), valid

    def _bounded_temperature(self):
        """T in its bounds; in training the parameter is put back there, so that its gradient leads on from a bound."""
        with torch.no_grad():
            bounded = self.log_temperature.clamp(math.log(T_MIN), math.log(T_MAX))
            if self.training:
                self.log_temperature.copy_(bounded)
        return (self.log_temperature + (bounded - self.log_temperature).detach()).exp()
