"""What all samplers share: the labels, the epoch, the seed and the split over ranks."""
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler

from ...core.block_index import BlockIndex
from ...core.checks import check_integer
from ...core.dist import rank_and_world_size
from ...core.random import numpy_generator, seeded_generator, shared_seed
from ...core.sampling import ClassIndex, drawn_indices, power_probabilities, shuffled_indices
from ...core.streaming import drawn_part, shuffled_part
from ..labels import class_counts, labels_of, num_classes_of
from ..ragged import Ragged


class ClassSampler(Sampler):
    """Base of the samplers that draw a class, then an image of it.

    One global list of indices follows from (seed, epoch), the same on every rank; rank r takes every world_size-th from
    the r-th on. A subclass gives :attr:`class_probabilities`, or draws the list itself in :meth:`draw` and
    :meth:`draw_part`. Class probabilities equal to those of the data shuffle the data set instead of drawing with
    replacement. An image with several labels may come for each of its classes.

    The list of more than ``max_held`` images is never held: it is drawn in parts of ``part_length`` while it is read,
    by the same law. Beside the labels, which may be memory-mapped, that takes 2 bytes an image (see
    :class:`~mmlt.core.block_index.BlockIndex`) and none where the data set is only shuffled.

    ``set_epoch`` chooses the list; iterating again without it gives the same list. MMEngine calls it before each epoch
    of an epoch-based loop, and in an iteration-based one each time the loader starts again. There is no ``skip``, which
    MMEngine would use to resume an iteration-based loop: it would start in epoch 0 then. Without it MMEngine draws and
    drops the batches that were seen, and so comes to the right epoch.

    Args:
        dataset: anything :func:`mmlt.data.labels.labels_of` takes, or the labels themselves.
        seed (int, optional): by default rank 0 draws one for all ranks.
        round_up (bool): repeat the first indices so that every rank has equally many.
        num_samples (int, optional): indices of an epoch, over all ranks; by default N, the length of the data set.

    Attributes:
        num_samples (int): indices of an epoch on this rank, as in torch and MMEngine.
        total_size (int): indices of an epoch over all ranks, with those that round up.
        epoch_length (int): the same without those that round up: the argument ``num_samples``.
        begin (int): the epoch at which schedules start; ``StagedSampler`` sets it to that of the stage.
        index: the images of each class.

    Raises:
        TypeError: the labels cannot be read.
        ValueError: a label outside the classes, no label at all, ``num_samples`` below 1 or ``seed`` below 0.
    """

    begin = 0
    max_held, part_length = 1 << 20, 1 << 19

    def __init__(self, dataset: Any, seed: int | None = None, round_up: bool = True, num_samples: int | None = None):
        self.labels = labels = labels_of(dataset)
        self.counts = torch.from_numpy(class_counts(labels, num_classes_of(dataset)))
        self.dataset, self.dataset_size = dataset, len(labels)
        self.streams = self.dataset_size > self.max_held
        self.epoch_length = self.default_length() if num_samples is None else num_samples
        self.rank, self.world_size = rank_and_world_size()
        self.seed = shared_seed() if seed is None else seed
        check_integer(self, 1, num_samples=self.epoch_length)
        check_integer(self, 0, seed=self.seed)
        self.round_up = round_up
        self.total_size = -(-self.epoch_length // self.world_size) * self.world_size if round_up else self.epoch_length
        self.epoch = 0

    @cached_property
    def index(self):
        if isinstance(self.labels, Ragged):
            labels = self.labels.unique()
            return ClassIndex(labels.flat, len(self.counts), labels.images)
        if self.streams:
            return BlockIndex(self.labels, len(self.counts))
        return ClassIndex(self.labels, len(self.counts))

    @property
    def class_probabilities(self):
        """Share of each class in the current epoch's draws, (C,) float64."""
        raise NotImplementedError

    def default_length(self):
        """Indices of an epoch over all ranks unless ``num_samples`` says otherwise."""
        return self.dataset_size

    def shuffles(self):
        """True where the class probabilities are those of the data."""
        return torch.allclose(self.class_probabilities, power_probabilities(self.counts, 1), rtol=1e-9, atol=0)

    def draw(self, generator: torch.Generator):
        """The current epoch's global list, (epoch_length,) int64."""
        if self.shuffles():
            return shuffled_indices(self.dataset_size, self.epoch_length, generator)
        return drawn_indices(self.index, self.class_probabilities, self.epoch_length, generator)

    def draw_part(self, begin: int, end: int):
        """A part of the current epoch's global list where that is not held, ndarray (end - begin,) int64."""
        if self.shuffles():
            return shuffled_part(self.dataset_size, begin, end, self.epoch_key())
        rng = numpy_generator(self.seed, self.epoch, begin // self.part_length)
        return drawn_part(self.index, self.class_probabilities.numpy(), end - begin, rng)

    def epoch_key(self):
        """A number of 63 bits for (seed, epoch)."""
        return int(numpy_generator(self.seed, self.epoch).integers(1 << 63))

    def global_indices(self):
        """The current epoch's list over all ranks, (total_size,) int64."""
        return torch.cat([part for _, part in self._parts()])

    def _parts(self):
        """The list over all ranks in parts: (place of the first index, indices)."""
        if not self.streams:
            indices = self.draw(seeded_generator(self.seed, self.epoch))
            yield 0, indices.repeat(-(-self.total_size // self.epoch_length))[:self.total_size]
            return
        for begin in range(0, self.epoch_length, self.part_length):
            part = self.draw_part(begin, min(begin + self.part_length, self.epoch_length))
            if begin == 0:
                head = part[:self.world_size].copy()
            yield begin, torch.from_numpy(part)
            del part  # before the next takes as much
        yield self.epoch_length, torch.from_numpy(np.resize(head, self.total_size - self.epoch_length))

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0 on."""
        self.epoch = epoch

    def __iter__(self):
        own = (part[(self.rank - begin) % self.world_size::self.world_size] for begin, part in self._parts())
        return chain.from_iterable(piece.tolist() for part in own for piece in part.split(1 << 14))

    def __len__(self):
        return len(range(self.rank, self.total_size, self.world_size))

    @property
    def num_samples(self):
        return len(self)
