"""How evenly a class lies in the image plane, and scores calibrated by it.  C classes, M objects, N RoIs.

FRACAL: Alexandridis et al., Fractal Calibration for long-tailed object detection, CVPR 2025, arXiv:2410.11774.
"""
import math

import numpy as np
import torch
from torch import Tensor


def box_counting_dimension(centres: np.ndarray, labels: np.ndarray, num_classes: int, largest: int = 64) -> np.ndarray:
    """(M, 2) in units of the image's width and height, (M,) -> (C,) in [1, 2]: 2 is everywhere, 1 along a line or less.

    The slope of log(cells that hold a centre) over log(d), by least squares over the grids of d x d cells, d = 1 to
    ``largest``, of which a class of n objects is counted on those with d^2 <= n. Below 1, and for fewer than 4 objects,
    it is 1. Centres outside the image lie in no cell.

    >>> corners = np.array([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]])
    >>> box_counting_dimension(corners, np.zeros(4, int), 2).tolist()
    [2.0, 1.0]
    """
    centres, labels = np.asarray(centres, np.float64).reshape(-1, 2), np.asarray(labels, np.int64)
    counts = np.bincount(labels, minlength=num_classes)
    inside = ((centres >= 0) & (centres < 1)).all(1)
    grids = np.arange(1, largest + 1)
    cells = np.zeros((largest, num_classes))
    for d in grids:
        kept = inside & (counts[labels] >= max(d * d, 4))
        column, row = np.floor(centres[kept].T * d).astype(np.int64)
        taken = np.unique((labels[kept] * d + row) * d + column)
        cells[d - 1] = np.bincount(taken // (d * d), minlength=num_classes)
    used = (grids[:, None]**2 <= counts) & (counts >= 4) & (cells > 0)
    x = np.where(used, np.log(grids)[:, None], 0.0)
    y = np.log(np.maximum(cells, 1))
    n = np.maximum(used.sum(0), 1)
    x = np.where(used, x - x.sum(0) / n, 0.0)
    slopes = (x * y).sum(0) / np.maximum((x**2).sum(0), 1e-300)
    return np.maximum(slopes, 1.0)


def log_frequency(image_counts: Tensor, num_images: int) -> Tensor:
    """(C,) -> (C,): log10(C p), p the share of images with the class; a class in no image counts as in one."""
    return torch.log10(len(image_counts) * image_counts.clamp(min=1) / num_images)


def calibrate_softmax(scores: Tensor, log_freq: Tensor, dimensions: Tensor, power: float = 2.0) -> Tensor:
    """(N, C + 1) with the background last, (C,), (C,) -> (N, C + 1): those of the logits z - log10(C p), divided by
    D^power and normalised. The background has neither.

    >>> calibrate_softmax(torch.tensor([[0.6, 0.2, 0.2]]), torch.zeros(2), torch.tensor([2.0, 1.0]), power=1.0)
    tensor([[0.4286, 0.2857, 0.2857]])
    """
    factor = torch.cat([torch.exp(-log_freq) / dimensions**power, log_freq.new_ones(1)])
    scores = scores * factor.to(scores)
    return scores / scores.sum(1, keepdim=True)


def calibrate_sigmoid(scores: Tensor, log_freq: Tensor, dimensions: Tensor, power: float = 2.0) -> Tensor:
    """(N, C) or (N, C + 1), (C,), (C,) -> the same: s(z) s(z - log10(C p) - log10(C w)), w = D^power / sum D^power."""
    weights = dimensions**power
    shift = -log_freq - torch.log10(weights / weights.sum()) - math.log10(len(weights))
    odds = torch.cat([shift.exp(), shift.new_ones(scores.shape[1] - len(shift))]).to(scores)
    return scores * scores * odds / (1 - scores + scores * odds)
