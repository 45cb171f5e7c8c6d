"""Average precision of multi-label scores.  N samples, C classes."""
import numpy as np

from .checks import check_integer
from .counts import Counts, as_counts, shot_groups


def average_precision(scores: np.ndarray, targets: np.ndarray):
    """(N, C) scores of any scale, (N, C) multi-hot -> (C,) in [0, 1], NaN for a class without a positive.

    The sum of the precisions at each threshold, weighted by the recall that it gains; samples of one score share a
    threshold. The same as scikit-learn's ``average_precision_score`` of each class.

    >>> average_precision(np.array([[.9], [.8], [.7]]), np.array([[1], [0], [1]])).round(4).tolist()
    [0.8333]
    """
    order = np.argsort(-scores, axis=0, kind='stable')
    result = np.full(scores.shape[1], np.nan)
    for c in range(scores.shape[1]):
        score, hits = scores[order[:, c], c], np.cumsum(targets[order[:, c], c], dtype=np.int64)
        if len(hits) and hits[-1]:
            last = np.append(score[1:] != score[:-1], True).nonzero()[0]
            recall = hits[last] / hits[-1]
            result[c] = (np.diff(recall, prepend=0) * (hits[last] / (last + 1))).sum()
    return result


class MultiLabelAccuracy:
    """Mean average precision over all, many, medium and few classes, from a stream of scores, kept as float32.

    Args:
        num_classes (int): C.

    >>> accuracy = MultiLabelAccuracy(2)
    >>> accuracy.update(targets=np.array([[1, 0], [1, 1]]), scores=np.array([[.9, .6], [.2, .3]]))
    >>> result = accuracy.compute(class_counts=[500, 5])
    >>> result['mAP'], result['many'], result['few']
    (75.0, 100.0, 50.0)
    """

    def __init__(self, num_classes: int):
        check_integer(self, 1, num_classes=num_classes)
        self.num_classes = num_classes
        self.targets, self.scores = np.zeros((0, num_classes), bool), np.zeros((0, num_classes), np.float32)

    def update(self, targets: np.ndarray, scores: np.ndarray, sign: int = 1) -> None:
        """Add multi-hot rows and scores, both (N, C); ``sign=-1`` takes the last ones back.

        Raises:
            ValueError: shapes that disagree, a target other than 0 and 1, scores that are NaN.
        """
        if sign < 0:
            self.targets, self.scores = self.targets[:-len(targets)], self.scores[:-len(targets)]
            return
        if targets.shape != scores.shape or scores.shape[1:] != (self.num_classes,):
            raise ValueError(f'targets {targets.shape} and scores {scores.shape}, expected two of (N, '
                             f'{self.num_classes})')
        if not np.isin(targets, (0, 1)).all():
            raise ValueError('a target is neither 0 nor 1; multi-label rows were expected')
        if np.isnan(scores).any():
            raise ValueError('a score is NaN; has the training diverged?')
        self.targets = np.concatenate([self.targets, targets.astype(bool)])
        self.scores = np.concatenate([self.scores, scores.astype(np.float32)])

    def compute(self, class_counts: Counts | None = None, many: float = 100, few: float = 20):
        """``mAP``, ``many``, ``medium``, ``few`` and ``worst_class`` in percent; empty groups are left out, and the
        classes without a positive in every mean. ``class_accuracy`` holds the fractions (C,) afterwards."""
        self.class_accuracy = precision = average_precision(self.scores, self.targets)
        if np.isnan(precision).all():
            raise ValueError('no sample has a label; there is nothing to evaluate')
        results = dict(mAP=100 * np.nanmean(precision))
        if class_counts is not None:
            counts = as_counts(class_counts, self.num_classes, allow_empty=True)
            for name, group in shot_groups(counts, many, few).items():
                inside = precision[group.numpy() & ~np.isnan(precision)]
                if len(inside):
                    results[name] = 100 * inside.mean()
        results['worst_class'] = 100 * np.nanmin(precision)
        return {name: float(value) for name, value in results.items()}
