"""SamplerStream: one sampler a stage, without end, for runs that count iterations."""
from bisect import bisect_right
from itertools import count, islice
from typing import Any

from torch.utils.data import Sampler

from .base import ClassSampler, shared_seed
from .staged import build_sampler


class SamplerStream(Sampler):
    """Indices without end, of one sampler after another; each begins with the first batch of its iteration.

    A sampler with epochs repeats from its own epoch 0 on, and its schedules count those. The place in the stream
    decides everything, so loader workers that load ahead, and a run that is resumed, see the same indices.

    Args:
        dataset: the data set, for all stages.
        stages (list[dict]): ``dict(begin=<0-based iteration>, sampler=...)`` in rising order, the first at 0; samplers
            as those of :class:`StagedSampler`.
        batch_size (int): images of an iteration on this rank.
        seed (int, optional): of every stage that has none itself; by default rank 0 draws one for all ranks.

    Attributes:
        current: the sampler of the iteration that was announced last.

    >>> stages = [dict(begin=0, sampler=dict(type='PowerSampler', q=1)),
    ...           dict(begin=3, sampler=dict(type='ClassBalancedSampler'))]
    >>> stream = SamplerStream([0, 0, 0, 1], stages, batch_size=2, seed=0)
    >>> whole = list(islice(stream, 12))
    >>> stream.skip(6)
    >>> list(islice(stream, 6)) == whole[6:]
    True
    """

    def __init__(self, dataset: Any, stages: list[dict], batch_size: int, seed: int | None = None):
        self.seed = shared_seed() if seed is None else seed
        self.samplers = [build_sampler(stage['sampler'], dataset, self.seed) for stage in stages]
        self.starts = [stage['begin'] * batch_size for stage in stages]
        if not self.starts or self.starts[0] or self.starts != sorted(set(self.starts)):
            raise ValueError('stages must begin in rising order, the first at 0; they begin at '
                             f'{[stage["begin"] for stage in stages]}')
        self.dataset, self.batch_size, self.first = dataset, batch_size, 0
        self.announce(0)

    def announce(self, iteration: int) -> None:
        """Say which iteration is trained; changes :attr:`current` alone."""
        self.current = self.samplers[bisect_right(self.starts, iteration * self.batch_size) - 1]

    def skip(self, num_samples: int) -> None:
        """Begin the next pass after ``num_samples`` indices of this rank, counted from the start of the stream."""
        self.first = num_samples

    @property
    def class_probabilities(self):
        """Those of the announced sampler, (C,); None if it is not one of mmlt's."""
        return getattr(self.current, 'class_probabilities', None)

    def __iter__(self):
        place = self.first
        while True:
            stage = bisect_right(self.starts, place) - 1
            end = self.starts[stage + 1] if stage + 1 < len(self.starts) else None
            left = None if end is None else end - place
            yield from islice(_endless(self.samplers[stage], place - self.starts[stage]), left)
            place = end

    def __len__(self):
        return len(self.samplers[0])


def _endless(sampler, first):
    """A sampler's indices from the ``first`` on, epoch after epoch."""
    if hasattr(sampler, 'indices') and hasattr(sampler, 'shuffle'):  # MMEngine's InfiniteSampler
        fresh = type(sampler)(sampler.dataset, shuffle=sampler.shuffle, seed=sampler.seed)
        yield from islice(iter(fresh), first, None)
    start, skipped = divmod(first, len(sampler))
    for epoch in count(start):
        if isinstance(sampler, ClassSampler) or hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch)
        yield from islice(iter(sampler), skipped, None)
        skipped = 0
