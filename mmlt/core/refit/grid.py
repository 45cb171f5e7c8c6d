"""Many adjustments of one linear classifier at the price of one matrix product.  N images, C classes, T settings."""
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..counts import log_prior

CACHED = 2 ** 15  # logits that stay in a core's cache for all T settings; torch starts no threads for so few


@torch.no_grad()
def sweep(split: Any, weight: Tensor, bias: Tensor | None, scales: Tensor, shifts: Tensor):
    """Right predictions of each class under T settings: t predicts argmax_c scales[t, c] (W x + b)_c + shifts[t, c].

    Args:
        split (Split): features (N, D) and labels.
        weight: (C, D).
        bias: (C,) or None.
        scales: (T, C).
        shifts: (T, C).

    Returns:
        Tensor (T, C) int64.
    """
    classes = scales.shape[1]
    step = max(CACHED // classes, 1)
    buffer = weight.new_empty(step, classes)
    right = torch.zeros(scales.shape, dtype=torch.int64)
    for x, labels in split.chunks():
        logits = F.linear(x, weight, bias)
        predicted = np.empty((len(scales), len(x)), np.int64)
        for start in range(0, len(x), step):
            z = logits[start:start + step]
            scores = buffer[:len(z)]
            for t in range(len(scales)):
                torch.addcmul(shifts[t], z, scales[t], out=scores)
                predicted[t, start:start + len(z)] = _argmax(scores)
        labels = labels.cpu().numpy()
        for t in range(len(scales)):
            right[t] += torch.from_numpy(np.bincount(labels[predicted[t] == labels], minlength=classes))
    return right


def _argmax(scores):
    return scores.argmax(1).cpu() if scores.device.type != 'cpu' else scores.numpy().argmax(1)  # NumPy's is the faster


def norm_scales(weight: Tensor, taus: Sequence[float]):
    """(C, D), (T,) -> (T, C): ||w_c||^-tau.

    >>> norm_scales(torch.tensor([[3., 4.], [1., 0.]]), torch.tensor([0., 0.5]))
    tensor([[1.0000, 1.0000],
            [0.4472, 1.0000]])
    """
    return weight.norm(dim=1).clamp_min(1e-12) ** -torch.as_tensor(taus, device=weight.device)[:, None]


def prior_shifts(counts: Tensor, taus: Sequence[float]):
    """(C,), (T,) -> (T, C) float32: -tau log pi, where a class without an image counts as one with a single image."""
    return (-torch.as_tensor(taus, dtype=torch.float64)[:, None] * log_prior(counts.double().clamp_min(1))).float()
