"""StagedSampler: one sampler a stage."""
from bisect import bisect_right
from importlib import import_module
from typing import Any

from torch.utils.data import Sampler

from ...core.random import shared_seed
from ...registry import build
from .base import ClassSampler


class StagedSampler(Sampler):
    """Change the sampler at given epochs; the length of an epoch stays that of the first stage.

    The stage follows from ``set_epoch``, so resuming and persistent workers need nothing else. Draws depend on the
    absolute epoch, schedules count from the begin of their stage.

    Args:
        dataset: the data set, for all stages.
        stages (list[dict]): ``dict(begin=<0-based epoch>, sampler=...)`` in rising order, the first at 0. A sampler is
            a config dict, whose name is looked up in mmlt first and in MMEngine's ``DATA_SAMPLERS`` then; a class; or
            an instance.
        seed (int, optional): of every stage that has none itself; by default rank 0 draws one for all ranks.
        round_up (bool): of every stage of mmlt that does not say itself.
        num_samples (int, optional): indices of an epoch over all ranks; by default those of the first stage.

    Attributes:
        current: the active sampler.

    Raises:
        ValueError: stages out of order, a first begin other than 0, or stages of different lengths.

    >>> sampler = StagedSampler([0, 0, 0, 1], [dict(begin=0, sampler=dict(type='PowerSampler', q=1)),
    ...                                        dict(begin=160, sampler=dict(type='ClassBalancedSampler'))], seed=0)
    >>> sampler.set_epoch(160)
    >>> type(sampler.current).__name__, sampler.class_probabilities.tolist()
    ('ClassBalancedSampler', [0.5, 0.5])
    """

    def __init__(self, dataset: Any, stages: list[dict], seed: int | None = None, round_up: bool = True,
                 num_samples: int | None = None):
        if isinstance(stages, (str, dict)) or not all(isinstance(stage, dict) for stage in stages):
            raise TypeError(f'stages must be a list of dict(begin=, sampler=), got {stages!r:.80}')
        self.begins = [stage['begin'] for stage in stages]
        if not self.begins or self.begins[0] != 0:
            raise ValueError(f'the first stage must begin at epoch 0, the stages begin at {self.begins}')
        if any(a >= b for a, b in zip(self.begins, self.begins[1:])):
            raise ValueError(f'stages must begin in rising order, each at another epoch; they begin at {self.begins}')
        self.dataset, self.seed = dataset, shared_seed() if seed is None else seed
        self.samplers = []
        for stage in stages:
            common = dict(seed=self.seed, round_up=round_up, num_samples=num_samples)
            sampler = build_sampler(stage['sampler'], dataset, **common)
            if isinstance(sampler, ClassSampler):
                sampler.begin = stage['begin']
            self.samplers.append(sampler)
            if num_samples is None:
                num_samples = epoch_size(sampler, len(dataset))
            if len(sampler) != len(self):
                name = type(sampler).__name__
                raise ValueError(f'an epoch must keep its length: {name}, the stage at epoch {stage["begin"]}, has '
                                 f'{len(sampler)} indices a rank, the first stage {len(self)}; give {name} the same '
                                 f'round_up and {num_samples} indices over all ranks (num_samples in mmlt)')
        self.total_size, self.round_up = getattr(self.samplers[0], 'total_size', num_samples), round_up
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Select the stage of the epoch, and pass the epoch on to its sampler."""
        self.epoch = epoch
        self.current = self.samplers[bisect_right(self.begins, epoch) - 1]
        if hasattr(self.current, 'set_epoch'):
            self.current.set_epoch(epoch)

    @property
    def class_probabilities(self):
        """Those of the active sampler, (C,); None if it is not one of mmlt's."""
        return getattr(self.current, 'class_probabilities', None)

    def __iter__(self):
        return iter(self.current)

    def __len__(self):
        return len(self.samplers[0])


def epoch_size(sampler: Any, size: int):
    """Indices of a sampler's epoch over all ranks, without those that only fill up the ranks; ``size`` images."""
    if isinstance(sampler, ClassSampler):
        return sampler.epoch_length
    total = getattr(sampler, 'total_size', size)
    return size if 0 <= total - size < getattr(sampler, 'world_size', 1) else total


def build_sampler(sampler: Any, dataset: Any, seed: int | None, **kwargs):
    """Sampler from a config dict, a class or an instance; ``kwargs`` reach the samplers of mmlt only."""
    if isinstance(sampler, type):
        sampler = dict(type=sampler)
    if not isinstance(sampler, dict):
        return sampler
    kind = sampler['type']
    if isinstance(kind, str):
        own = import_module(__package__)
        name = kind.removeprefix('mmlt.')
        kind = getattr(own, name) if name in own.__all__ else kind
    args = {key: value for key, value in sampler.items() if key != 'type'}
    if isinstance(kind, type) and issubclass(kind, ClassSampler):
        return kind(dataset, **{'seed': seed, **kwargs, **args})
    return build('DATA_SAMPLERS', dict(type=kind, **args), dataset=dataset, seed=seed)
