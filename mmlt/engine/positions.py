"""Random draws of data transforms that depend on the place of an image in the run, and on nothing else."""
import random
from itertools import islice

import numpy as np
import torch
from torch.utils.data import Sampler

from ..data.samplers.base import rank_and_world_size
from .loader import replace_sampler


class Position(int):
    """An index of a data set that knows its ``key``: (seed, epoch, place in the epoch's list over all ranks)."""

    def __new__(cls, index, key):
        position = super().__new__(cls, index)
        position.key = key
        return position

    def __reduce__(self):
        return Position, (int(self), self.key)


class PositionedSampler(Sampler):
    """The indices of another sampler, as :class:`Position`; everything else is that sampler's.

    Args:
        sampler: deals its list over the ranks as ``DefaultSampler`` does: index n of rank r is number n·world + r.
        seed (int): of the draws.

    Attributes:
        leave_out (int): how many of this rank's indices the next pass leaves out, as they were seen before a resume.
    """

    def __init__(self, sampler, seed):
        self.sampler, self.seed, self.epoch = sampler, seed, getattr(sampler, 'epoch', 0)
        self.leave_out = self.first_number = 0
        self.rank, self.world_size = rank_and_world_size()

    def __getattr__(self, name):
        if name == 'sampler' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.sampler, name)

    @property
    def current(self):
        """The sampler that draws, as ``StagedSampler`` calls its own."""
        return getattr(self.sampler, 'current', self.sampler)

    def set_epoch(self, epoch):
        self.epoch = epoch
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)

    def __iter__(self):
        begin, self.leave_out = self.leave_out, 0
        first, self.first_number = self.first_number + begin, 0
        for number, index in enumerate(islice(iter(self.sampler), begin, None), first):
            yield Position(index, (self.seed, self.epoch, number * self.world_size + self.rank))

    def __len__(self):
        return len(self.sampler)


class SeededItems:
    """``__getitems__`` of a data set, which PyTorch's loaders call for a batch: each image has draws of its own."""

    def __init__(self, dataset):
        self.dataset, self.at_once = dataset, hasattr(type(dataset), '__getitems__')

    def __call__(self, indices):
        if self.at_once:
            _seed(indices[0])
            return type(self.dataset).__getitems__(self.dataset, [int(i) for i in indices])
        return [self._item(index) for index in indices]

    def _item(self, index):
        _seed(index)
        try:
            return self.dataset[int(index)]
        except Exception as error:  # whatever the image library or a transform raises
            path = _path(self.dataset, int(index))
            if path is None or (str(path) in str(error) and not isinstance(error, AssertionError)):
                raise
            raise RuntimeError(f'image {int(index)}, {path}, cannot be read or transformed: '
                               f'{type(error).__name__}: {error}') from error


def _path(dataset, index):
    """Where an image lies, or None."""
    try:
        return dataset.get_data_info(index).get('img_path')
    except Exception:  # not a data set of MMEngine's kind
        return None


def _seed(index):
    if isinstance(index, Position):
        seed_all(*index.key)


def seed_all(*key: int) -> None:
    """Seed PyTorch (on all devices), NumPy and Python from a key of integers of 0 or more."""
    state = np.random.SeedSequence(key).generate_state(4)
    np.random.seed(state)
    seed = int(state[0]) << 32 | int(state[1])
    random.seed(seed)
    torch.manual_seed(seed)


def position_samples(loader, seed) -> PositionedSampler:
    """Give a loader draws that follow from (seed, epoch, position); safe to call twice."""
    sampler = loader.batch_sampler.sampler
    if not isinstance(sampler, PositionedSampler):
        sampler = PositionedSampler(sampler, seed)
        replace_sampler(loader, sampler)
    if not isinstance(getattr(loader.dataset, '__getitems__', None), SeededItems):
        loader.dataset.__getitems__ = SeededItems(loader.dataset)
    return sampler
