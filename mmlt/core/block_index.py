"""The images of each class of a billion, in 2 bytes each.  N images, C classes, B places."""
from collections.abc import Callable, Iterable

import numpy as np
import torch

BLOCK = 1 << 16


class BlockIndex:
    """As :class:`~mmlt.core.sampling.ClassIndex`: the last 16 bits of the images, class after class, and where each
    block of 2^16 images begins in each class, C N / 2^16 numbers. With so many classes that these take more than 64 MB,
    all 32 bits and no such numbers.

    Args:
        parts: called with a length for the labels, ints in [0, C), in arrays of that length; the last may be shorter.
        size (int): N, at most 2^32.
        num_classes (int): C.

    Raises:
        ValueError: N is outside [1, 2^32].

    >>> labels = np.array([1, 0, 1, 1])
    >>> index = BlockIndex(lambda length: [labels], 4, num_classes=2)
    >>> index.counts.tolist(), index.at(np.array([3, 0])).tolist()
    ([1, 3], [3, 1])
    """

    max_cells = 1 << 24

    def __init__(self, parts: Callable[[int], Iterable[np.ndarray]], size: int, num_classes: int):
        if not 1 <= size <= 1 << 32:
            raise ValueError(f'size must lie in [1, 2**32], got {size}')
        self.num_blocks, length = -(-size // BLOCK), BLOCK
        if num_classes * self.num_blocks > self.max_cells:
            self.num_blocks, length = 1, BLOCK << 6
        wide = size > BLOCK and self.num_blocks == 1
        table = np.zeros((num_classes, self.num_blocks), np.uint32 if size < 1 << 32 else np.int64)
        for b, labels in enumerate(parts(length)):
            table[:, 0 if wide else b] += np.bincount(labels, minlength=num_classes).astype(table.dtype)
        counts = table.sum(1, dtype=np.int64)
        begins = counts.cumsum() - counts
        self.counts, self.start = torch.from_numpy(counts), torch.from_numpy(begins.copy())
        self.ends = table.reshape(-1)
        np.cumsum(self.ends, out=self.ends)
        self.bits = np.empty(size, np.uint32 if wide else np.uint16)
        for b, labels in enumerate(parts(length)):
            # numpy sorts 16-bit keys by radix
            order = np.argsort(labels.astype(np.uint16) if num_classes <= 1 << 16 else labels, kind='stable')
            n = np.bincount(labels, minlength=num_classes)
            places = np.repeat(begins - n.cumsum() + n, n)
            places += np.arange(len(labels))
            self.bits[places] = order + b * length if wide else order
            begins += n

    def at(self, places: np.ndarray, rising: bool = False):
        """The images at ``places`` in the order of the classes, (B,) -> (B,) int64.

        Args:
            rising (bool): the places are sorted.
        """
        if not rising:
            # sorted with their order behind them; NumPy's argsort takes thrice the time
            shift = len(places).bit_length()
            order = np.sort(places << shift | np.arange(len(places)))
            images = np.empty(len(places), np.int64)
            images[order & (1 << shift) - 1] = self.at(order >> shift, rising=True)
            return images
        images = self.bits[places].astype(np.int64)
        if self.num_blocks > 1:
            images += self.ends.searchsorted(places.astype(self.ends.dtype), 'right') % self.num_blocks * BLOCK
        return images
