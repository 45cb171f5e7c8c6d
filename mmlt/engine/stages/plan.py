"""A plan of stages: which setting holds at which time."""
import math
import warnings

from ...core.checks import near
from .part import PARTS

EXAMPLE = 'e.g. stages=[dict(begin=160, lr=0.01)]'


class StagePlan:
    """Stages in order of ``begin``: a 0-based epoch (in an iteration-based run an iteration), or a fraction in (0, 1)
    of the run, which :meth:`resolve` rounds to the nearest one. Stages of one ``begin`` are merged.

    Args:
        stages (list[dict]): see :class:`~mmlt.engine.hooks.StageSwitchHook`.

    Raises:
        ValueError: stages out of order, an unknown key, a value of another type or out of range, no stage.

    >>> import mmlt.engine.stages
    >>> plan = StagePlan([dict(begin=2, lr=0.1), dict(begin=5, bn='frozen'), dict(begin=5, freeze=['backbone'])])
    >>> plan.value('lr', 1), plan.value('lr', 9), plan.current(9)
    (None, 0.1, {'begin': 5, 'bn': 'frozen', 'freeze': ['backbone']})
    >>> StagePlan([dict(begin=0.8, lr=0.1)]).resolve(200).stages
    [{'begin': 160, 'lr': 0.1}]
    """

    unit = 'epoch'

    def __init__(self, stages):
        self.stages = []
        kinds = {key: kind for part in PARTS for key, kind in part.keys.items()}
        if isinstance(stages, (str, dict)) or not all(isinstance(stage, dict) for stage in stages):
            raise TypeError(f'stages must be a list of dicts, {EXAMPLE}; got {stages!r:.80}')
        for stage in map(dict, stages):
            unknown = set(stage) - set(kinds) - {'begin'}
            if unknown or 'begin' not in stage:
                raise ValueError(f'a stage needs begin= and any of {", ".join(kinds)}; got {sorted(stage)}'
                                 + near(sorted(unknown), kinds))
            begin = stage['begin']
            if not isinstance(begin, int) and not (isinstance(begin, float) and 0 < begin < 1):
                raise ValueError(f'stage of epoch {begin}: begin must be int, got {begin!r}; a float in (0, 1) is a '
                                 'fraction of the run')
            for key, value in stage.items():
                if not isinstance(value, kinds.get(key, (int, float))):
                    raise ValueError(f'stage of epoch {begin}: {key} must be '
                                     f'{" or ".join(kind.__name__ for kind in kinds[key])}, got {value!r}')
            for part in PARTS:
                part.check_value(stage)
            if self.stages and self.stages[-1]['begin'] == begin:
                self.stages[-1].update(stage)
            else:
                self.stages.append(stage)
        if not self.stages:
            raise ValueError(f'StageSwitchHook needs at least one stage, {EXAMPLE}')
        for kind in (int, float):
            self._check_order([stage for stage in self.stages if isinstance(stage['begin'], kind)])

    def resolve(self, length, unit='epoch'):
        """Turn fractions into times of a run of ``length`` epochs or iterations; the plan itself is returned.

        Raises:
            ValueError: different begins become the same time, or stages are out of order.
        """
        self.unit, given = unit, self.begins
        for stage in self.stages:
            if isinstance(stage['begin'], float):
                stage['begin'] = math.floor(stage['begin'] * length + 0.5)
        self._check_order(self.stages)
        for i, (a, b) in enumerate(zip(self.stages, self.stages[1:])):
            if a['begin'] == b['begin']:
                raise ValueError(f'the stages with begin={given[i]} and begin={given[i + 1]} both begin at {unit} '
                                 f'{b["begin"]} of {length}; train longer, or make one stage of them')
        return self

    def _check_order(self, stages):
        begins = [stage['begin'] for stage in stages]
        if begins != sorted(begins) or any(begin < 0 for begin in begins):
            raise ValueError(f'stages must be in order of begin, 0 or later; got {begins}')

    @property
    def begins(self):
        """The begin of every stage."""
        return [stage['begin'] for stage in self.stages]

    @property
    def timeless(self):
        """True if every begin is 0 or a fraction, so that the plan fits any run."""
        return all(begin == 0 or isinstance(begin, float) for begin in self.begins)

    def current(self, time, key=None):
        """The stage of a time, or the one that set ``key`` last; None before the first."""
        begun = [s for s in self.stages if s['begin'] <= time and (key is None or key in s)]
        return begun[-1] if begun else None

    def value(self, key, time, default=None):
        """What ``key`` is at a time."""
        return (self.current(time, key) or {}).get(key, default)

    def having(self, *keys):
        """The stages that set one of the keys."""
        return [stage for stage in self.stages if set(keys) & set(stage)]

    def check(self, length):
        """Warn of stages that never begin in a run of ``length``."""
        for stage in self.stages:
            if stage['begin'] >= length:
                warnings.warn(f'the stage of {self.unit} {stage["begin"]} never begins: training ends after '
                              f'{length} {self.unit}s (0 to {length - 1})', stacklevel=1)
