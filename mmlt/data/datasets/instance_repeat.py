"""Repeat factors from images and instances.  C classes."""
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mmengine.dataset import ClassBalancedDataset

__all__ = ['InstanceAwareRepeatDataset']


def repeat_factors(labels: Sequence[Sequence[int]], threshold: float) -> list[float]:
    """One list of class ids an image -> one factor an image: the largest max(1, sqrt(threshold / f)) of its classes,
    f = sqrt(f_image f_instance), the shares of images with the class and of instances; 1 for an image without any.

    >>> [round(f, 3) for f in repeat_factors([[0, 0, 0], [0], [1]], 0.5)]
    [1.0, 1.0, 1.392]
    """
    images, instances = Counter(c for row in labels for c in set(row)), Counter(c for row in labels for c in row)
    total = sum(instances.values())
    factors = {c: max(1.0, math.sqrt(threshold / math.sqrt(n / len(labels) * instances[c] / total)))
               for c, n in images.items()}
    return [max((factors[c] for c in row), default=1.0) for row in labels]


class InstanceAwareRepeatDataset(ClassBalancedDataset):
    """MMEngine's ``ClassBalancedDataset`` with instance-aware repeat factors: a class whose images hold few instances
    is repeated more. Yaman et al., IRFS, 2023, arXiv:2305.08069; ``oversample_thr`` is 1e-3 on LVIS.

    Args:
        dataset (dict or object): a data set with ``get_cat_ids``.
        oversample_thr (float): t.
    """

    def _get_repeat_factors(self, dataset: Any, repeat_thr: float) -> list[float]:
        return repeat_factors([dataset.get_cat_ids(i) for i in range(len(dataset))], repeat_thr)
