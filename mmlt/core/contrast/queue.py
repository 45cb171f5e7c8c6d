"""Queues of features, of each class or of all.  K slots, C classes, D features, B images of a batch."""
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import ceil

import torch
from torch import Tensor, nn

from ..checks import check_integer
from ..counts import ClassCounts, Counts
from ..dist import gather
from ..random import plain_generator


def queue_ends(counts: Sequence[float], length: int, min_size: int):
    """C counts -> C ends: class c owns the slots ends[c - 1] .. ends[c] - 1, min_size of them and a share of the rest
    in proportion to its count. Exact; in floating point the last end may miss the length."""
    shares = [Fraction(n) for n in counts]
    spare, total = length - len(shares) * min_size, sum(shares)
    return [ceil((c + 1) * min_size + spare * upto / total) for c, upto in enumerate(accumulate(shares))]


class ClassQueue(ClassCounts):
    """The last features of each class, in slots in proportion to its training count. Suh and Seo, ICML 2023,
    arXiv:2305.01160, eq. 6.

    Slots are filled with unit noise until images come; :attr:`filled` tells them apart. All is state, in buffers:
    ``feat`` (K, D), ``label`` (K,), ``index`` (K,), ``ptr`` (C,), ``class_counts`` (C,). Over ranks, every rank holds
    the queue of the joint batch.

    Args:
        length (int): K.
        min_size (int): slots that the rarest class has at least.
        dim (int): D.
        class_counts: training counts (C,), or None to have ``ClassCountsHook`` fill them.

    Raises:
        ValueError: K < C min_size, a class without an image, or a checkpoint whose queue has another shape.

    >>> queue = ClassQueue(10, 2, 4, class_counts=[100, 10, 2])
    >>> queue.label.tolist()
    [0, 0, 0, 0, 0, 0, 1, 1, 2, 2]
    """
    counted = 'labels'

    def __init__(self, length: int, min_size: int, dim: int, class_counts: Counts | None = None):
        check_integer(self, 1, length=length, min_size=min_size, dim=dim)
        super().__init__()
        self.length, self.min_size = length, min_size
        noise = torch.randn(length, dim, generator=plain_generator(0))
        self.register_buffer('feat', nn.functional.normalize(noise))
        self.register_buffer('label', torch.full((length, ), -1))
        self.register_buffer('index', torch.arange(-length, 0))
        self.register_buffer('ptr', torch.zeros(0, dtype=torch.long))
        self.take(class_counts)

    def derive(self) -> None:
        classes = len(self.class_counts)
        if self.length < classes * self.min_size:
            raise ValueError(f'ClassQueue: length={self.length} is too short for {classes} classes of at least '
                             f'min_size={self.min_size} slots; set length >= {classes * self.min_size}')
        ends = torch.tensor(queue_ends(self.class_counts.tolist(), self.length, self.min_size))
        size = ends.diff(prepend=ends.new_zeros(1))
        label = torch.arange(classes).repeat_interleave(size).to(self.label.device)
        self.register_buffer('start', (ends - size).to(label.device), persistent=False)
        self.register_buffer('size', size.to(label.device), persistent=False)
        if not torch.equal(label, self.label) or len(self.ptr) != classes:
            self.label = label
            self.index = torch.arange(-self.length, 0, device=label.device)
            self.ptr = label.new_zeros(classes)

    @property
    def filled(self):
        """(K,): which slots hold an image."""
        return self.index >= 0

    @torch.no_grad()
    def enqueue(self, feat: Tensor, label: Tensor, index: Tensor) -> None:
        """(B, D), (B,), (B,): put the images of all ranks into the slots of their classes, the oldest first out. Of a
        class with more images than slots the first are kept.

        Args:
            feat (Tensor): (B, D).
            label (Tensor): (B,) int64.
            index (Tensor): (B,) int64 >= 0, the number of the image in the data set.

        Raises:
            ValueError: the shapes disagree.
            RuntimeError: no class counts.
        """
        self.check_counts()
        if feat.shape != (len(label), self.feat.size(1)) or index.shape != label.shape:
            raise ValueError(f'ClassQueue: features {tuple(feat.shape)}, labels {tuple(label.shape)} and indices '
                             f'{tuple(index.shape)}; expected (B, {self.feat.size(1)}), (B,) and (B,)')
        feat, label, index = gather(feat), gather(label), gather(index)
        order = label.argsort(stable=True)
        label = label[order]
        first = torch.searchsorted(label, label)
        rank = torch.arange(len(label), device=label.device) - first
        size = self.size[label]
        # an image beyond its class's slots writes the one that stands in its slot once more: no shape depends on data
        source = order[first + rank % size]
        slot = self.start[label] + (self.ptr[label] + rank) % size
        self.feat[slot] = feat[source].to(self.feat.dtype)
        self.index[slot] = index[source]
        new = torch.zeros_like(self.ptr).index_add_(0, label, torch.ones_like(label))
        self.ptr = (self.ptr + torch.minimum(new, self.size)) % self.size

    def _load_from_state_dict(self, state_dict, prefix, *args):
        loaded = state_dict.get(prefix + 'feat')
        if loaded is not None and loaded.shape != self.feat.shape:
            raise ValueError(f'the queue of the checkpoint is {tuple(loaded.shape)}, this one '
                             f'{tuple(self.feat.shape)}; set length={len(loaded)} and dim={loaded.shape[-1]}, or start '
                             'a new run')
        ptr = state_dict.get(prefix + 'ptr')
        if ptr is not None and ptr.shape != self.ptr.shape:
            self.ptr = self.ptr.new_zeros(ptr.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


class KeyQueue(nn.Module):
    """The last K features of the batches of all ranks, first in, first out. He et al., CVPR 2020, arXiv:1911.05722.

    All is state, in buffers: ``feat`` (K, D), ``label`` (K,), -1 where nothing came yet, and ``ptr``. K may be any
    number of batches.

    Args:
        length (int): K.
        dim (int): D.

    >>> queue = KeyQueue(4, 2)
    >>> queue.enqueue(torch.ones(3, 2), torch.tensor([5, 6, 7]))
    >>> queue.label.tolist()
    [5, 6, 7, -1]
    """
    feat: Tensor
    label: Tensor
    ptr: Tensor

    def __init__(self, length: int, dim: int):
        check_integer(self, 1, length=length, dim=dim)
        super().__init__()
        self.register_buffer('feat', torch.zeros(length, dim))
        self.register_buffer('label', torch.full((length, ), -1))
        self.register_buffer('ptr', torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def enqueue(self, feat: Tensor, label: Tensor) -> None:
        """(B, D), (B,): put the images of all ranks in, the oldest out.

        Raises:
            ValueError: the shapes disagree.
        """
        if feat.shape != (len(label), self.feat.size(1)):
            raise ValueError(f'KeyQueue: features {tuple(feat.shape)} and labels {tuple(label.shape)}; expected '
                             f'(B, {self.feat.size(1)}) and (B,)')
        length = len(self.feat)
        feat, label = gather(feat)[-length:], gather(label)[-length:]
        slot = (self.ptr + torch.arange(len(label), device=label.device)) % length
        self.feat[slot] = feat.to(self.feat.dtype)
        self.label[slot] = label
        self.ptr = (self.ptr + len(label)) % length
