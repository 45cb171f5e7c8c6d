"""Long-tailed subsets of a labelled set, as LDAM draws them.  N images, C classes, n (C,) training counts.

Pure numpy. Source: Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019,
arXiv:1906.07413; the profiles follow Cui et al., CVPR 2019, arXiv:1901.05555.
"""
from collections.abc import Sequence

import numpy as np

from .labels import MAX_CLASSES


def profile(num_classes: int, imbalance: float = 100, kind: str = 'exp'):
    """Share of the largest class, (C,) floats from 1 down to 1 / imbalance; the order is that of the class ids.

    Args:
        num_classes (int): C >= 2.
        imbalance (float): n_max / n_min >= 1.
        kind (str): ``'exp'``, class c has imbalance^(-c / (C - 1)); ``'step'``, C // 2 full classes, then the rest.
    """
    if not 2 <= num_classes <= MAX_CLASSES:
        raise ValueError(f'a long tail needs at least 2 classes and at most {MAX_CLASSES}, got {num_classes}')
    if not imbalance >= 1:
        raise ValueError(f'imbalance is n_max / n_min and must be >= 1, got {imbalance}; '
                         "LDAM's imb_factor=0.01 is imbalance=100")
    if kind == 'exp':
        return [(1 / imbalance) ** (c / (num_classes - 1)) for c in range(num_classes)]
    if kind == 'step':
        return [1. if c < num_classes // 2 else 1 / imbalance for c in range(num_classes)]
    raise ValueError(f"kind must be 'exp' or 'step', got {kind!r}")


def long_tail_counts(n_max: int, num_classes: int, imbalance: float = 100, kind: str = 'exp'):
    """Class counts (C,) int64 of a long-tailed set, n_c = int(n_max * profile_c).

    Raises:
        ValueError: a class would get no image (int(n_max / imbalance) = 0), or a bad argument of :func:`profile`.

    >>> long_tail_counts(5000, 10, imbalance=100).tolist()
    [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    """
    if not 1 <= n_max < 1 << 63:
        raise ValueError(f'n_max is the size of the largest class, at least 1 and below 2^63; got {n_max}')
    counts = np.array([int(n_max * share) for share in profile(num_classes, imbalance, kind)], dtype=np.int64)
    if counts.min() < 1:
        raise ValueError(f'imbalance={imbalance} leaves class {counts.argmin()} without an image: the largest class '
                         f'has {n_max}; choose imbalance < {n_max}')
    return counts


def largest_head(sizes: Sequence[int] | np.ndarray, imbalance: float = 100, kind: str = 'exp'):
    """Largest n_max whose long tail fits into classes of the ``sizes`` (C,).

    >>> largest_head([500, 480, 5], imbalance=100)
    500
    >>> largest_head([500, 20, 5], imbalance=100)
    209
    """
    shares = profile(len(sizes), imbalance, kind)
    n_max = min(int((size + 1) / share) for size, share in zip(sizes, shares))
    while any(int(n_max * share) > size for size, share in zip(sizes, shares)):
        n_max -= 1
    return n_max


def shuffled_classes(labels: np.ndarray, num_classes: int, seed: int = 0):
    """The image indices of each class in random order: C int64 arrays, drawn class after class.

    The stream is NumPy's legacy ``RandomState(seed)``, as in LDAM's code, and never the global one.
    """
    if not 1 <= num_classes <= MAX_CLASSES:
        raise ValueError(f'num_classes must be between 1 and {MAX_CLASSES}, got {num_classes}')
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f'labels must have shape (N,), one label an image; got {labels.shape}')
    labels = labels.astype(np.int64)
    bad = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(bad):
        raise ValueError(f'image {bad[0]} has the label {labels[bad[0]]}, expected 0 <= label < {num_classes}')
    rng = np.random.RandomState(seed)
    ends = np.cumsum(np.bincount(labels, minlength=num_classes))
    classes = np.split(np.argsort(labels, kind='stable'), ends[:-1])
    for indices in classes:
        rng.shuffle(indices)
    return classes


def long_tail_indices(labels: np.ndarray, num_classes: int, imbalance: float = 100, kind: str = 'exp', seed: int = 0,
                      n_max: int | None = None):
    """Indices (sum n,) of a long-tailed subset, sorted by class, in the order of the draw.

    Args:
        labels: (N,) integers in [0, C).
        num_classes (int): C.
        imbalance (float), kind (str): see :func:`profile`.
        seed (int): of the draw; 0 is LDAM's.
        n_max (int, optional): images of class 0; by default the size of the largest class.

    Raises:
        ValueError: a class has fewer images than its count, a label is out of range, or a bad argument.

    >>> labels = np.arange(50000) % 10
    >>> long_tail_indices(labels, 10)[:5].tolist()
    [3980, 38330, 48360, 45720, 6360]
    """
    classes = shuffled_classes(labels, num_classes, seed)
    sizes = [len(c) for c in classes]
    counts = long_tail_counts(max(sizes) if n_max is None else n_max, num_classes, imbalance, kind)
    check_sizes(sizes, counts, imbalance, kind)
    return np.concatenate([c[:n] for c, n in zip(classes, counts)])


def check_sizes(sizes: Sequence[int] | np.ndarray, counts: np.ndarray, imbalance: float, kind: str,
                names: Sequence[str] | None = None) -> None:
    """Raise a ValueError if a class of ``sizes`` (C,) has fewer images than ``counts`` (C,) wants."""
    for c, (size, count) in enumerate(zip(sizes, counts)):
        if size < count:
            fix = f'n_max <= {largest_head(sizes, imbalance, kind)} fits all classes' if min(sizes) else 'leave it out'
            raise ValueError(f'class {names[c] if names else c} has {size} images, the long tail needs {count}; {fix}')
