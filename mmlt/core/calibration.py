"""Calibration errors and temperatures.  N samples, C classes, M bins, G groups of classes.

Bin k of M is ``(k/M, (k+1)/M]``; a confidence of exactly 0 falls in the first bin. Errors are fractions in [0, 1].
"""
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from .checks import check_shape


def bin_index(confidence: Any, bins: int = 15):
    """(N,) in [0, 1] -> (N,) int64: the right-closed bin of each confidence.

    Raises:
        ValueError: a confidence is NaN or no probability; ``bins`` is less than 1.

    >>> bin_index([0.0, 0.2, 0.21, 1.0], bins=5).tolist()
    [0, 0, 1, 4]
    """
    confidence = np.asarray(confidence, np.float64)
    if bins < 1:
        raise ValueError(f'bins must be at least 1, got {bins}')
    if confidence.size:
        low, high = confidence.min(), confidence.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(f'confidences span [{low:g}, {high:g}], expected probabilities in [0, 1]; '
                             'apply softmax to the logits, and look for NaN in the model if it shows here')
    edges = np.arange(bins + 1) / bins
    below = (confidence * bins).astype(np.int64)
    below += confidence > edges[below]  # the product rounds: this is exactly the number of edges < confidence
    below -= 1
    return np.maximum(below, 0, out=below)


class ReliabilityBins(NamedTuple):
    """What a reliability diagram shows, each (M,); confidence and accuracy are NaN in an empty bin."""
    count: Any
    confidence: Any
    accuracy: Any


def reliability_bins(confidence: Any, correct: Any, bins: int = 15):
    """Count, mean confidence and accuracy of each bin.

    Args:
        confidence: (N,) probability of the predicted class.
        correct: (N,) whether the prediction is right.
        bins (int): M.
    """
    confidence, correct = _pair(confidence, correct)
    index = bin_index(confidence, bins)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid='ignore'):
        return ReliabilityBins(count, np.bincount(index, confidence, bins) / count,
                               np.bincount(index, correct, bins) / count)


def ece(confidence: Any, correct: Any, bins: int = 15):
    """Expected calibration error, a fraction: the mean over samples of |accuracy - confidence| of their bin.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv:1706.04599.

    >>> round(ece([.95, .9, .62, .6, .2], [1, 0, 1, 1, 0]), 6)
    0.386
    """
    confidence, correct = _pair(confidence, correct)
    gaps = np.bincount(bin_index(confidence, bins), confidence - correct, bins)
    return float(np.abs(gaps).sum() / len(confidence))


def classwise_ece(scores: Any, labels: Any, bins: int = 15, per_class: bool = False):
    """The error of every class's probability as a forecast of that class, averaged over classes.

    Kull et al., Beyond temperature scaling, NeurIPS 2019, arXiv:1910.12656.

    Args:
        scores: (N, C) probabilities.
        labels: (N,) true classes.
        per_class (bool): return the C errors, (C,), instead of their mean.
    """
    scores, labels = torch.as_tensor(scores), torch.as_tensor(labels)
    _check_labels(scores, labels)
    num, classes = scores.shape
    gaps = np.zeros(classes * bins)
    for rows in _chunks(num, classes):
        p = scores[rows].detach().to('cpu', torch.float64, copy=True).numpy()
        index = np.arange(classes) * bins + bin_index(p, bins)
        p[np.arange(len(p)), labels[rows].cpu().numpy()] -= 1
        gaps += np.bincount(index.ravel(), p.ravel(), len(gaps))
    errors = np.abs(gaps).reshape(classes, bins).sum(1) / num
    return errors if per_class else float(errors.mean())


def temperature_scaling(logits: Any, labels: Any, bounds: Sequence[float] = (0.05, 20.0)):
    """The temperature T that minimises the cross entropy of logits / T, by safeguarded Newton steps in float64.

    The loss is convex in 1 / T. Fit it on data that was not trained on. It has no finite minimum when every sample is
    right (T -> 0) or the logits do not beat chance (T -> inf); the nearer bound is returned then.

    Guo et al., ICML 2017, arXiv:1706.04599.

    Args:
        logits: (N, C).
        labels: (N,).
        bounds: smallest and largest T.

    Returns:
        float: T; use ``softmax(logits / T)``.

    Raises:
        ValueError: no sample, a label out of range, a NaN logit.

    >>> logits = torch.tensor([[4., 0.], [4., 0.], [4., 0.], [0., 4.]])
    >>> round(temperature_scaling(logits, torch.tensor([0, 0, 1, 1])), 4)
    3.641
    """
    logits, labels = torch.as_tensor(logits).detach(), torch.as_tensor(labels)
    check_shape('logits', logits, '(N, C)')
    check_shape('labels', labels, '(N,)')
    _check_labels(logits, labels)
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2 or not 0 < bounds[0] <= bounds[1]:
        raise ValueError(f'bounds={bounds!r}; expected the smallest and the largest temperature, above 0')
    low, high = 1 / bounds[1], 1 / bounds[0]
    if _slopes(logits, labels, low)[0] >= 0:
        return float(bounds[1])
    if _slopes(logits, labels, high)[0] <= 0:
        return float(bounds[0])
    a = min(max(1., low), high)
    for _ in range(100):
        slope, curvature = _slopes(logits, labels, a)
        low, high = (a, high) if slope < 0 else (low, a)
        step = a - slope / curvature if curvature > 0 else low
        step = step if low < step < high else (low * high) ** .5
        done, a = abs(step - a) <= 1e-12 * a, step
        if done:
            break
    return 1 / a


def group_temperatures(logits: Any, labels: Any, groups: Any, bounds: Sequence[float] = (0.05, 20.0),
                       min_samples: int = 20):
    """One temperature for each group of *predicted* classes; the temperature of all samples where a group has too few.

    The label, hence its group, is unknown at test time, and a temperature for each column of the logits would change
    the predictions. The predicted class is known and no positive temperature changes it, so :func:`apply_temperature`
    keeps every accuracy.

    Args:
        logits: (N, C).
        labels: (N,).
        groups: (C,) group of each class (``torch.arange(C)`` is one temperature a class), or the masks of
            :func:`~mmlt.core.counts.shot_groups`, in their order.
        min_samples (int): fewest samples to fit a group's own temperature.

    Returns:
        Tensor: (G,) float64.
    """
    logits, labels = torch.as_tensor(logits).detach(), torch.as_tensor(labels)
    check_shape('logits', logits, '(N, C)')
    groups = _group_index(groups, logits.shape[1])
    shared = temperature_scaling(logits, labels, bounds)
    temperatures = torch.full((int(groups.max()) + 1,), shared, dtype=torch.float64)
    predicted = groups.to(logits.device)[logits.argmax(1)]
    for g in range(len(temperatures)):
        rows = predicted == g
        if rows.sum() >= max(min_samples, 1):
            temperatures[g] = temperature_scaling(logits[rows], labels[rows], bounds)
    return temperatures


def apply_temperature(logits: Any, temperature: Any, groups: Any | None = None):
    """(N, C) -> (N, C): logits / T, with T a number, or (G,) and chosen by the group of the predicted class."""
    check_shape('logits', logits, '(N, C)')
    if groups is None:
        return logits / float(temperature)
    group, temperature = _group_index(groups, logits.shape[1]), torch.as_tensor(temperature)
    if temperature.ndim != 1 or len(temperature) <= group.max():
        raise ValueError(f'the temperatures have shape {tuple(temperature.shape)}, expected (G,) for '
                         f'{int(group.max()) + 1} groups')
    return logits / temperature.to(logits)[group.to(logits.device)[logits.argmax(1)], None]


def _slopes(logits, labels, a):
    """First and second derivative, in a, of the sum of CE(a z)."""
    slope = curvature = 0.
    for rows in _chunks(*logits.shape):
        z = logits[rows].to(torch.float64)
        z = z - z.gather(1, labels[rows, None].to(z.device))
        p = (a * z).softmax(1)
        z = z.masked_fill(z == -torch.inf, 0)  # a masked class has p = 0
        mean = (p * z).sum(1, keepdim=True)
        slope += mean.sum().item()
        curvature += (p * (z - mean) ** 2).sum().item()
    if not np.isfinite(slope):
        raise ValueError('the logits hold NaN or inf, or -inf at a true class; expected finite logits')
    return slope, curvature


def _chunks(num, classes, elements=2 ** 22):
    step = max(elements // classes, 1)
    return [slice(i, i + step) for i in range(0, num, step)]


def _pair(confidence, correct):
    confidence, correct = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    if confidence.ndim != 1 or confidence.shape != correct.shape or not len(confidence):
        raise ValueError(f'confidence {confidence.shape} and correct {correct.shape} must both have shape (N,), N > 0')
    return confidence, correct


def _check_labels(scores, labels):
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ValueError(f'expected scores (N, C) and labels (N,), N > 0; got {tuple(scores.shape)}, '
                         f'{tuple(labels.shape)}')
    if labels.dtype.is_floating_point or labels.dtype == torch.bool:
        raise ValueError(f'labels must be integers, got {labels.dtype}; pass labels.long()')
    if not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise ValueError(f'labels span [{labels.min()}, {labels.max()}], expected 0 ... {scores.shape[1] - 1}')


def _group_index(groups, num_classes):
    if isinstance(groups, dict):
        groups = torch.stack([torch.as_tensor(mask) for mask in groups.values()]).int().argmax(0)
    groups = torch.as_tensor(groups)
    check_shape('groups', groups, '(C,)')
    if not len(groups) or groups.is_floating_point():
        raise ValueError(f'groups are {groups.dtype} of shape {tuple(groups.shape)}, expected an integer a class')
    if len(groups) != num_classes or groups.min() < 0:
        raise ValueError(f'groups are {len(groups)} numbers from {int(groups.min())} on, expected one of 0, 1, ... for '
                         f'each of {num_classes} classes')
    return groups
