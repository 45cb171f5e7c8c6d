"""Model soups: the average of several models' weights. Wortsman et al., ICML 2022, arXiv:2203.05482; of models trained
on subsets of different imbalance, LT-Soups, Aminbeidokhti et al., NeurIPS 2025, arXiv:2511.10683.
"""
import math
from collections.abc import Sequence
from typing import Any

import torch


def soup(states: Any, weights: Sequence[float] | None = None, names: Sequence[str] | None = None):
    """The weighted mean of state dicts, computed in float64, in the dtypes of the first; integers are the first's.

    Args:
        states (sequence[dict]): of one model, M of them.
        weights (sequence[float], optional): M shares that sum to 1, by default 1 / M.
        names (sequence[str], optional): what to call them in errors.

    Raises:
        ValueError: fewer than two models, other keys or shapes, or weights that do not sum to 1.

    >>> soup([dict(w=torch.tensor([1., 3.])), dict(w=torch.tensor([3., 5.]))])
    {'w': tensor([2., 4.])}
    """
    names = names or [f'model {i}' for i in range(len(states))]
    if len(states) < 2:
        raise ValueError(f'a soup is of 2 models or more, got {len(states)}')
    weights = [1 / len(states)] * len(states) if weights is None else list(weights)
    if len(weights) != len(states) or not math.isclose(sum(weights), 1, abs_tol=1e-6):
        raise ValueError(f'weights={weights}; expected {len(states)} shares that sum to 1')
    for name, state in zip(names[1:], states[1:]):
        odd = [key for key in {**states[0], **state}
               if key not in state or key not in states[0] or state[key].shape != states[0][key].shape]
        if odd:
            raise ValueError(f'{name} and {names[0]} differ in {len(odd)} weights, as {odd[0]}; a soup is of one '
                             'model, trained from one start')
    mean = {}
    for key, first in states[0].items():
        if first.is_floating_point():
            first = sum(w * state[key].to(torch.float64) for w, state in zip(weights, states)).to(first.dtype)
        mean[key] = first
    return mean
