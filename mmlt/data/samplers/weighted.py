"""One class a row of the table of samplers. All take ``dataset, seed=None, round_up=True, num_samples=None``, too:
see :class:`ClassSampler`. n (C,) images of each class, N in all; an empty class is never drawn.
"""
from typing import Any

import torch

from ...core.checks import check_integer
from ...core.counts import shot_groups
from ...core.sampling import (
    balanced_indices,
    class_cycle_indices,
    curriculum_exponent,
    effective_probabilities,
    power_probabilities,
    progressive_probabilities,
)
from ...core.streaming import balanced_part, class_cycle_part
from .base import ClassSampler


class PowerSampler(ClassSampler):
    """Draw class c with probability n_c^q / sum n^q. Kang et al., ICLR 2020, arXiv:1910.09217.

    Args:
        q (float): 1 shuffles the data, 0.5 is square-root sampling, 0 is class-balanced.

    >>> sampler = PowerSampler([0, 0, 0, 0, 1], q=0.5, seed=0)
    >>> sampler.class_probabilities.tolist()
    [0.6666666666666666, 0.3333333333333333]
    """

    def __init__(self, dataset: Any, q: float = 0.5, **kwargs):
        super().__init__(dataset, **kwargs)
        self.q = q
        power_probabilities(self.counts, q)

    @property
    def class_probabilities(self):
        return power_probabilities(self.counts, self.q)


class ClassBalancedSampler(ClassSampler):
    """Draw every class with probability 1 / C. Kang et al., ICLR 2020, arXiv:1910.09217."""

    @property
    def class_probabilities(self):
        return power_probabilities(self.counts, 0)


class SquareRootSampler(ClassSampler):
    """Draw class c with probability sqrt(n_c) / sum sqrt(n). Mahajan et al., ECCV 2018, arXiv:1805.00932."""

    @property
    def class_probabilities(self):
        return power_probabilities(self.counts, 0.5)


class ReversedSampler(ClassSampler):
    """Draw class c in proportion to n_max / n_c. BBN: Zhou et al., CVPR 2020, arXiv:1912.02413."""

    @property
    def class_probabilities(self):
        return power_probabilities(self.counts, -1)


class EffectiveNumberSampler(ClassSampler):
    """Draw class c in proportion to n_c / E_c, E the effective number. Cui et al., CVPR 2019, arXiv:1901.05555.

    Args:
        beta (float): 0 shuffles the data, 1 is class-balanced.
    """

    def __init__(self, dataset: Any, beta: float = 0.9999, **kwargs):
        super().__init__(dataset, **kwargs)
        self.beta = beta
        effective_probabilities(self.counts, beta)

    @property
    def class_probabilities(self):
        return effective_probabilities(self.counts, self.beta)


class ProgressivelyBalancedSampler(ClassSampler):
    """Move from the data's frequencies to balanced ones: (1 - t) n_c / N + t / C. Kang et al., ICLR 2020,
    arXiv:1910.09217. From ``max_epochs`` on it stays balanced.

    Args:
        max_epochs (int): T, the length of the move.
        last (str): ``'paper'`` has t = epoch / T; ``'balanced'``, the paper's code, t = epoch / (T - 1).
    """

    def __init__(self, dataset: Any, max_epochs: float, last: str = 'paper', **kwargs):
        super().__init__(dataset, **kwargs)
        self.max_epochs, self.last = max_epochs, last
        progressive_probabilities(self.counts, 0, max_epochs, last)

    @property
    def class_probabilities(self):
        return progressive_probabilities(self.counts, self.epoch - self.begin, self.max_epochs, self.last)


class CurriculumSampler(ClassSampler):
    """Draw class c in proportion to n_c^g, g falling from 1. Dynamic Curriculum Learning: Wang et al., ICCV 2019,
    arXiv:1901.06783, whose target distribution it samples from; the paper drops and weights images of a batch instead.

    Args:
        max_epochs (int): the length of the schedule; g stays afterwards.
        schedule (str): ``'convex'``, ``'linear'``, ``'concave'`` or ``'composite'``, see
            :func:`mmlt.core.sampling.curriculum_exponent`.
        base (float): of ``'concave'``, in (0, 1].
    """

    def __init__(self, dataset: Any, max_epochs: float, schedule: str = 'convex', base: float = 0.99, **kwargs):
        super().__init__(dataset, **kwargs)
        self.max_epochs, self.schedule, self.base = max_epochs, schedule, base
        curriculum_exponent(0, max_epochs, schedule, base)

    @property
    def class_probabilities(self):
        g = curriculum_exponent(self.epoch - self.begin, self.max_epochs, self.schedule, self.base)
        return power_probabilities(self.counts, g)


class RandomOverSampler(ClassBalancedSampler):
    """Repeat the images of each class up to n_max, the remainder at random: an epoch of n_max C. With ``num_samples``,
    that many over C from each class; an image comes again only after all of its class came.
    """

    def default_length(self):
        return int(self.counts.max() * self.counts.count_nonzero())

    def draw(self, generator: torch.Generator):
        return balanced_indices(self.index, self.epoch_length, generator)

    def draw_part(self, begin: int, end: int):
        return balanced_part(self.index, begin, end, self.epoch_length, self.epoch_key())


class RandomUnderSampler(RandomOverSampler):
    """n_min images of each class, anew each epoch: an epoch of n_min C."""

    def default_length(self):
        return int(self.counts[self.counts > 0].min() * self.counts.count_nonzero())


class ClassCycleSampler(ClassBalancedSampler):
    """Class-aware sampling: go through the classes in shuffled cycles and take the next images of each class from its
    own shuffled cycles. Shen et al., ECCV 2016, arXiv:1512.05830; as in Kang et al., ICLR 2020, arXiv:1910.09217.

    The cycles start anew each epoch, of N indices where the papers' code has n_max C but stops after N.

    Args:
        samples_per_class (int): images, one after another, at each visit of a class.
    """

    def __init__(self, dataset: Any, samples_per_class: int = 4, **kwargs):
        super().__init__(dataset, **kwargs)
        check_integer(self, 1, samples_per_class=samples_per_class)
        self.samples_per_class = samples_per_class

    def draw(self, generator: torch.Generator):
        return class_cycle_indices(self.index, self.epoch_length, self.samples_per_class, generator)

    def draw_part(self, begin: int, end: int):
        return class_cycle_part(self.index, begin, end, self.samples_per_class, self.epoch_key())


class ClassGroupSampler(ClassSampler):
    """Draw among the images of the classes that are many (n > ``many``), medium or few (n < ``few``). The experts of
    LFME: Xiang et al., ECCV 2020, arXiv:2001.01536, whose epochs have the images of the group once.

    Args:
        group (str): ``'many'``, ``'medium'`` or ``'few'``.
        many, few (float): bounds of the groups.

    Raises:
        ValueError: another group, or one without a class.

    >>> sampler = ClassGroupSampler([0, 0, 0, 0, 1, 1, 1, 2], 'many', many=2, seed=0)
    >>> sampler.class_probabilities.tolist()
    [0.5714285714285714, 0.42857142857142855, 0.0]
    """

    def __init__(self, dataset: Any, group: str, many: float = 100, few: float = 20, **kwargs):
        super().__init__(dataset, **kwargs)
        groups = shot_groups(self.counts, many, few)
        if group not in groups:
            raise ValueError(f'ClassGroupSampler: group={group!r}, expected many, medium or few')
        self.images = self.counts.double() * groups[group]
        if not self.images.any():
            raise ValueError(f'no class is in group={group!r} with the bounds many={many}, few={few}; the counts are '
                             + ', '.join(map(str, self.counts.tolist()[:8])))

    @property
    def class_probabilities(self):
        return self.images / self.images.sum()
