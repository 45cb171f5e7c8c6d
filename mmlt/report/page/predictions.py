"""Predictions of any model.  N test images, C classes, K predictions kept of each image."""
import csv
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...core.accuracy import LongTailAccuracy

LABEL = 'label', 'labels', 'y_true', 'target', 'targets'
SCORES = 'scores', 'probs', 'probabilities', 'logits', 'y_score'
PRED = 'pred', 'preds', 'prediction', 'y_pred'
TOP = 5
DAMAGED = EOFError, MemoryError, OverflowError, zipfile.BadZipFile, zlib.error  # what NumPy raises beside ValueError


@dataclass
class Predictions:
    """Labels (N,), classes from the likeliest on (N, K), their probabilities (N, K) or None, training counts (C,) or
    None, names (C,), the bounds of the shot groups, and image files (N,) or None."""
    label: np.ndarray
    top: np.ndarray
    score: np.ndarray = None
    counts: np.ndarray = None
    classes: list = field(default_factory=list)
    many: int = 100
    few: int = 20
    paths: list = None

    def __post_init__(self):
        largest = max(int(self.label.max(initial=0)), int(self.top.max(initial=0))) + 1
        size = max(largest, len(self.classes), 0 if self.counts is None else len(self.counts))
        if self.counts is not None and len(self.counts) != size:
            raise ValueError(f'there are training counts of {len(self.counts)} classes and predictions of {size}; give '
                             'one count a class')
        self.classes = [str(name) for name in self.classes] + [str(c) for c in range(len(self.classes), size)]
        if not len(self.label):
            raise ValueError('there are no predictions')
        if min(self.label.min(), self.top.min()) < 0:
            raise ValueError('a label or prediction is negative; classes count from 0')

    @property
    def right(self):
        return self.label == self.top[:, 0]

    def accuracy(self, bins=15):
        """A filled :class:`~mmlt.core.accuracy.LongTailAccuracy`."""
        accuracy = LongTailAccuracy(len(self.classes), bins)
        accuracy.update(self.label, self.top[:, 0], None if self.score is None else self.score[:, 0])
        return accuracy

    def metrics(self):
        """The numbers of ``LongTailMetric``, in percent."""
        return self.accuracy().compute(self.counts, self.many, self.few)


def read_predictions(path):
    """Predictions from a .npz or .csv file.

    A .npz holds ``label`` (N,) and either ``scores`` (N, C), probabilities or logits, or ``pred`` (N,), or what
    ``tools/test.py --out preds.npz`` writes; ``class_counts`` and ``classes`` (C,) are welcome. A .csv has the columns
    ``label`` and either ``pred`` and perhaps ``confidence``, or one column a class with its score, headed by the
    class's name or ``score_0``...; a column ``path`` names the images.

    Raises:
        ValueError: columns are missing, or their lengths or values make no sense.
    """
    path = Path(path)
    if path.suffix not in ('.npz', '.csv'):
        raise ValueError(f'{path}: predictions are a .npz or .csv file')
    try:
        return _from_csv(path) if path.suffix == '.csv' else _from_npz(path)
    except (KeyError, IndexError, TypeError, UnicodeDecodeError, csv.Error, *DAMAGED) as error:
        raise ValueError(f'{path} holds no predictions: {error}') from None


def _from_npz(path):
    with np.load(path, allow_pickle=False) as file:
        data = {key: file[key] for key in file.files}
    label = _first(path, data, LABEL)
    if 'top' in data:
        top, score = data['top'].astype(np.int64), data.get('score')
    elif any(key in data for key in SCORES):
        top, score = top_of(_first(path, data, SCORES))
    else:
        top, score = _first(path, data, PRED)[:, None].astype(np.int64), data.get('confidence')
        score = None if score is None else score[:, None]
    if len(label) != len(top) or label.ndim != 1:
        raise ValueError(f'{path}: labels of shape {label.shape} for {len(top)} predictions; expected one a prediction')
    return Predictions(label.astype(np.int64), top, score, data.get('class_counts'), data.get('classes', []),
                       int(data.get('many', 100)), int(data.get('few', 20)),
                       data['paths'].tolist() if 'paths' in data else None)


def _from_csv(path):
    with open(path, newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f'{path} is empty')
    known = {*LABEL, *PRED, 'confidence', 'path'}
    columns = [key for key in rows[0] if key not in known]
    label = _first(path, {key: [row[key] for row in rows] for key in rows[0]}, LABEL)
    pred = next(([row[key] for row in rows] for key in PRED if key in rows[0]), None)
    score = None
    if pred is not None:
        names = _names([*label, *pred])
        index = {name: c for c, name in enumerate(names)}
        top = np.array([[index[name]] for name in pred])
        if 'confidence' in rows[0]:
            score = np.array([[float(row['confidence'])] for row in rows])
    elif columns:
        top, score = top_of(np.array([[float(row[key]) for key in columns] for row in rows]))
        names = [str(c) if key == f'score_{c}' else key for c, key in enumerate(columns)]
        index = {name: c for c, name in enumerate(names)}
        index.update((str(c), c) for c in range(len(names)) if str(c) not in index)
    else:
        raise ValueError(f'{path} has no column {" or ".join(PRED)}, and none with a score a class')
    if unknown := sorted(set(label) - set(index)):
        raise ValueError(f'{path}: the label {unknown[0]!r} is none of the classes {list(index)[:5]}')
    return Predictions(np.array([index[name] for name in label]), top, score, classes=names,
                       paths=[row['path'] for row in rows] if 'path' in rows[0] else None)


def _names(values):
    try:
        return [str(c) for c in range(max(map(int, values)) + 1)]
    except ValueError:
        return sorted(set(values))


def _first(path, data, keys):
    for key in keys:
        if key in data:
            return data[key]
    raise ValueError(f'{path} has none of {", ".join(keys)}; it has {", ".join(data)}')


def top_of(scores, k=TOP):
    """Scores (N, C), probabilities or logits -> classes (N, K) from the likeliest on, probabilities (N, K).

    >>> top_of(np.array([[.1, .7, .2]]), 2)[0].tolist()
    [[1, 2]]
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ValueError(f'scores of shape {scores.shape}, expected finite numbers (N, C)')
    if scores.min() < 0 or np.abs(scores.sum(1) - 1).max() > 1e-2:
        scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
    top = np.argsort(-scores, 1, kind='stable')[:, :k]
    return top, np.take_along_axis(scores, top, 1)
