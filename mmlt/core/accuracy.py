"""Streaming accuracy of a long-tailed classifier.  N samples, C classes, M confidence bins."""
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .calibration import bin_index
from .checks import check_integer, check_shape
from .counts import Counts, as_counts, shot_groups

CHUNK = 1 << 16
# confidences are summed as integers, so that neither the order of the samples nor the number of ranks changes a bit
UNIT = 1 << 32


def label_rank(scores: Any, labels: Any):
    """(N, C), (N,) -> (N,): how many classes come before the label; of equal scores the lower class comes first.

    >>> label_rank(torch.tensor([[.2, .5, .3], [.4, .4, .2]]), torch.tensor([2, 1])).tolist()
    [1, 1]
    """
    check_shape('scores', scores, '(N, C)')
    check_shape('labels', labels, '(N,)')
    own = scores.gather(1, labels[:, None])
    before = torch.arange(scores.shape[1], device=scores.device) < labels[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(1)


class LongTailAccuracy:
    """Overall, per-class and many/medium/few accuracy and ECE from a stream of predictions, in O(C) memory.

    The whole state is ``state``, one int64 vector: the states of parts of the data add up to the state of the whole.

    Args:
        num_classes (int): C.
        bins (int): M, of the expected calibration error.
        topk: the k of the top-k accuracies; beyond 1 they need ``ranks``.

    >>> accuracy = LongTailAccuracy(3)
    >>> accuracy.update(labels=[0, 0, 1, 2], preds=[0, 1, 1, 0], confidence=[.9, .6, .8, .7])
    >>> result = accuracy.compute(class_counts=[500, 50, 5])
    >>> result['top1'], result['mean_class'], result['many'], result['few'], round(result['ece'], 2)
    (50.0, 50.0, 50.0, 0.0, 40.0)
    """

    def __init__(self, num_classes: int, bins: int = 15, topk: int | Sequence[int] = (1,)):
        check_integer(self, 1, num_classes=num_classes, bins=bins)
        self.num_classes, self.bins = num_classes, bins
        self.topk = (topk,) if isinstance(topk, int) else tuple(topk)
        if not all(1 <= k <= num_classes for k in self.topk):
            raise ValueError(f'topk={self.topk} needs every k in 1 ... {num_classes}, the number of classes')
        sizes = [2 * num_classes, 2 * bins, bins, max(self.topk, default=1) + 1]
        self.state = np.zeros(sum(sizes), np.int64)
        wrong_right, bin_wrong_right, self._confidence, self._ranks = np.split(self.state, np.cumsum(sizes)[:-1])
        self._classes, self._bins = wrong_right.reshape(-1, 2), bin_wrong_right.reshape(-1, 2)

    def update(self, labels: Any, preds: Any, confidence: Any | None = None, ranks: Any | None = None,
               sign: int = 1) -> None:
        """Add a batch of any size; ``sign=-1`` takes one back.

        Args:
            labels: (N,) true classes.
            preds: (N,) predicted classes.
            confidence: (N,) probability of the predicted class, for the ECE.
            ranks: (N,) rank of the true class (:func:`label_rank`), for the top-k accuracies.

        Raises:
            ValueError: a class out of range, a confidence that is NaN or no probability, arrays of unequal length.
        """
        arrays: list[Any] = [None if x is None else np.asarray(x) for x in (labels, preds, confidence, ranks)]
        if any(x is not None and (x.ndim != 1 or len(x) != len(arrays[0])) for x in arrays):
            raise ValueError('labels, preds, confidence and ranks must be (N,) of one N; got '
                             f'{[x.shape for x in arrays if x is not None]}')
        if ranks is None and max(self.topk, default=1) > 1:
            raise ValueError(f'topk={self.topk} needs the scores of all classes (pred_score), or use topk=(1,)')
        for i in range(0, len(arrays[0]), CHUNK):
            self._update(*(None if x is None else x[i:i + CHUNK] for x in arrays), sign)  # type: ignore[call-arg]

    def _update(self, labels, preds, confidence, ranks, sign):
        self.check('label', labels)
        self.check('prediction', preds)
        if confidence is not None:
            confidence = np.asarray(confidence, np.float64)
            if confidence.max() > 1:
                confidence = np.where(confidence <= 1 + 1e-3, np.minimum(confidence, 1), confidence)  # rounding
            index = bin_index(confidence, self.bins)
        right = labels == preds
        self._classes += sign * _count(labels, right, self.num_classes)
        if confidence is not None:
            self._bins += sign * _count(index, right, self.bins)
            units = np.bincount(index, np.rint(confidence * UNIT), self.bins)  # integers < 2^53: exact
            self._confidence += sign * units.astype(np.int64)
        if ranks is not None:
            last = len(self._ranks) - 1
            self._ranks += sign * np.bincount(np.minimum(ranks, last), minlength=last + 1)

    def check(self, name: str, x: np.ndarray) -> None:
        if x.dtype.kind not in 'iu' or x.min() < 0 or x.max() >= self.num_classes:
            raise ValueError(f'{name}s of type {x.dtype} span [{x.min()}, {x.max()}], expected integers in 0 ... '
                             f'{self.num_classes - 1}; the data set and the model disagree on the number of classes')

    @property
    def class_accuracy(self):
        """(C,) float64, a fraction; NaN for a class without test images."""
        with np.errstate(invalid='ignore'):
            return self._classes[:, 1] / self._classes.sum(1)

    def compute(self, class_counts: Counts | None = None, many: float = 100, few: float = 20):
        """The results in percent.

        Args:
            class_counts: training counts (C,) for the groups many (n > ``many``), medium and few (n < ``few``); may
                hold zeros.

        Returns:
            dict[str, float]: top1 (and the other k), mean_class, many, medium, few, worst_class, ece. A class without
            test images is left out of every mean, and so is the key of a group without any, or of the ECE when there
            were no confidences.

        Raises:
            ValueError: nothing was added, or another number of counts than classes.
        """
        total = int(self._classes.sum())
        if not total:
            raise ValueError('no predictions to compute accuracies of; the evaluation data set is empty')
        accuracy = 100 * self.class_accuracy
        seen = ~np.isnan(accuracy)
        results = {'top1': 100 * self._classes[:, 1].sum() / total}
        for k in self.topk:
            if k > 1:
                results[f'top{k}'] = 100 * self._ranks[:k].sum() / total
        results['mean_class'] = accuracy[seen].mean()
        if class_counts is not None:
            for name, mask in shot_groups(as_counts(class_counts, self.num_classes, True).cpu(), many, few).items():
                group = accuracy[seen & mask.numpy()]
                if len(group):
                    results[name] = group.mean()
        results['worst_class'] = accuracy[seen].min()
        if self._bins.any():
            gaps = self._confidence / UNIT - self._bins[:, 1]
            results['ece'] = 100 * np.abs(gaps).sum() / self._bins.sum()
        return {name: float(value) for name, value in results.items()}


def _count(index, right, size):
    """(N,), (N,) bool -> (size, 2): how many are wrong and right at each index."""
    return np.bincount(2 * index.astype(np.int64, copy=False) + right, minlength=2 * size).reshape(size, 2)
