"""What all samplers share: the labels, the epoch, the seed and the split over ranks."""
from itertools import chain
from typing import Any

import torch
from torch.utils.data import Sampler

from mmlt.core.checks import check_integer
from mmlt.core.dist import rank_and_world_size
from mmlt.core.random import seeded_generator, shared_seed
from mmlt.core.sampling import ClassIndex, drawn_indices, power_probabilities, shuffled_indices

from ..labels import class_counts, labels_of, num_classes_of
from ..ragged import Ragged


class ClassSampler(Sampler):
    """Base of the samplers that draw a class, then an image of it.

    One global list of indices follows from (seed, epoch), the same on every rank; rank r takes every world_size-th from
    the r-th on. A subclass gives :attr:`class_probabilities`, or draws the list itself in :meth:`draw`. Class
    probabilities equal to those of the data shuffle the data set instead of drawing with replacement. An image with
    several labels may come for each of its classes.

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

    Raises:
        TypeError: the labels cannot be read.
        ValueError: a label outside the classes, no label at all, ``num_samples`` below 1 or ``seed`` below 0.
    """

    begin = 0

    def __init__(self, dataset: Any, seed: int | None = None, round_up: bool = True, num_samples: int | None = None):
        labels = labels_of(dataset)
        num_classes = len(class_counts(labels, num_classes_of(dataset)))
        self.dataset, self.dataset_size = dataset, len(labels)
        if isinstance(labels, Ragged):
            labels = labels.unique()
            self.index = ClassIndex(labels.flat, num_classes, labels.images)
        else:
            self.index = ClassIndex(labels, num_classes)
        self.epoch_length = self.default_length() if num_samples is None else num_samples
        self.rank, self.world_size = rank_and_world_size()
        self.seed = shared_seed() if seed is None else seed
        check_integer(self, 1, num_samples=self.epoch_length)
        check_integer(self, 0, seed=self.seed)
        self.round_up = round_up
        self.total_size = -(-self.epoch_length // self.world_size) * self.world_size if round_up else self.epoch_length
        self.epoch = 0

    @property
    def counts(self):
        """Images of each class, (C,) int64."""
        return self.index.counts

    @property
    def class_probabilities(self):
        """Share of each class in the current epoch's draws, (C,) float64."""
        raise NotImplementedError

    def default_length(self):
        """Indices of an epoch over all ranks unless ``num_samples`` says otherwise."""
        return self.dataset_size

    def draw(self, generator: torch.Generator):
        """The current epoch's global list, (epoch_length,) int64."""
        probabilities = self.class_probabilities
        if torch.allclose(probabilities, power_probabilities(self.counts, 1), rtol=1e-9, atol=0):
            return shuffled_indices(self.dataset_size, self.epoch_length, generator)
        return drawn_indices(self.index, probabilities, self.epoch_length, generator)

    def global_indices(self):
        """The current epoch's list over all ranks, (total_size,) int64."""
        indices = self.draw(seeded_generator(self.seed, self.epoch))
        return indices.repeat(-(-self.total_size // self.epoch_length))[:self.total_size]

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0 on."""
        self.epoch = epoch

    def __iter__(self):
        parts = self.global_indices()[self.rank::self.world_size].split(1 << 14)
        return chain.from_iterable(map(torch.Tensor.tolist, parts))

    def __len__(self):
        return len(range(self.rank, self.total_size, self.world_size))

    @property
    def num_samples(self):
        return len(self)
