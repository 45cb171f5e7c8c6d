"""LongTailSubset: a long-tailed part of any data set."""
from typing import Any

import numpy as np

from ...registry import build
from ..labels import labels_of, num_classes_of
from ..longtail import long_tail_indices


class LongTailSubset:
    """Thin a single-label data set to a long tail; the records stay those of the inner set.

    The classes keep the order of their ids: class 0 is the head. The draw is that of LDAM (Cao et al., NeurIPS 2019,
    arXiv:1906.07413), so around CIFAR-10 it gives ``CIFAR10LT``. ``pipeline`` is that of the inner set.

    Args:
        dataset (dict or object): config of a data set of any framework, or any data set whose labels
            :func:`mmlt.data.labels.labels_of` finds.
        imbalance (float): n_max / n_min.
        kind (str): ``'exp'`` or ``'step'``.
        seed (int): of the draw.
        n_max (int, optional): images of class 0; by default the size of the largest class.
        lazy_init (bool): load on first use.

    Raises:
        ValueError: a class has fewer images than the long tail needs, or a bad ``imbalance`` or ``kind``.
    """

    def __init__(self, dataset: Any, imbalance: float = 100, kind: str = 'exp', seed: int = 0, n_max: int | None = None,
                 lazy_init: bool = False):
        self.dataset = build('DATASETS', dataset) if isinstance(dataset, dict) else dataset
        self.imbalance, self.kind, self.seed, self.n_max = imbalance, kind, seed, n_max
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Load the inner set and draw."""
        if self._fully_initialized:
            return
        labels = labels_of(self.dataset)  # loads the inner set
        if not isinstance(labels, np.ndarray):
            raise ValueError(f'{type(self.dataset).__name__} has several labels an image; only single-label data sets '
                             'can be thinned to a long tail')
        num_classes = num_classes_of(self.dataset) or int(labels.max()) + 1
        self._indices = long_tail_indices(labels, num_classes, self.imbalance, self.kind, self.seed, self.n_max)
        self._labels = labels[self._indices]
        self._fully_initialized = True

    @property
    def indices(self):
        """(n,) int64: where the records stand in the inner set; sorted by class."""
        self.full_init()
        return self._indices

    def get_gt_labels(self):
        """Labels (n,) int64."""
        self.full_init()
        return self._labels

    def get_cat_ids(self, idx: int):
        """``[label]`` of the record ``idx``."""
        return [int(self.get_gt_labels()[idx])]

    def get_data_info(self, idx: int):
        """The inner set's annotation of the record ``idx``."""
        return self.dataset.get_data_info(int(self.indices[idx]))

    def __getitem__(self, idx):
        return self.dataset[int(self.indices[idx])]

    def __len__(self):
        return len(self.indices)

    @property
    def metainfo(self):
        """Meta information of the inner set."""
        return getattr(self.dataset, 'metainfo', {})

    @property
    def CLASSES(self):
        """Names of the classes; None if the inner set has none."""
        return self.metainfo.get('classes', getattr(self.dataset, 'classes', None))

    @property
    def pipeline(self):
        """The inner set's pipeline."""
        return self.dataset.pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Any) -> None:
        self.dataset.pipeline = pipeline
