"""Labels of images with any number of labels each.  N images, n labels in all."""
from operator import index
from typing import Any

import numpy as np


class Ragged:
    """Labels of N images with any number of labels each; reads like a list of N arrays.

    Args:
        flat: ndarray (n,) int64, the labels of image 0, then those of image 1, ...
        offsets: ndarray (N + 1,) int64; image i has ``flat[offsets[i]:offsets[i + 1]]``.

    >>> labels = Ragged.from_lists([[2, 0], [], [1, 1]])
    >>> len(labels), labels[0].tolist(), labels.images.tolist()
    (3, [2, 0], [0, 0, 2, 2])
    """

    def __init__(self, flat: Any, offsets: Any):
        self.flat, self.offsets = flat, offsets

    @classmethod
    def from_lists(cls, lists: Any):
        """From N sequences of ints; TypeError if a label is none."""
        sizes = [len(row) for row in lists]
        flat = np.fromiter((index(label) for row in lists for label in row), np.int64, sum(sizes))
        return cls(flat, np.cumsum([0, *sizes]))

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, idx):
        idx = range(len(self))[idx]
        return self.flat[self.offsets[idx]:self.offsets[idx + 1]]

    @property
    def images(self):
        """(n,): the image of each label."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def take(self, indices: Any):
        """The labels of the images ``indices``, as a Ragged."""
        sizes, starts = np.diff(self.offsets)[indices], self.offsets[:-1][indices]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return Ragged(self.flat[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)], offsets)

    def unique(self):
        """Each label once an image, ascending."""
        images = self.images
        order = np.lexsort((self.flat, images))
        images, flat = images[order], self.flat[order]
        first = np.ones(len(flat), dtype=bool)
        first[1:] = (np.diff(images) != 0) | (np.diff(flat) != 0)
        return Ragged(flat[first], np.searchsorted(images[first], np.arange(len(self) + 1)))
