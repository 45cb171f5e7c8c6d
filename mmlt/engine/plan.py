"""A plan of stages: which setting holds in which epoch."""
import warnings

from torch.utils.data import Sampler

from mmlt.core.checks import check_range, near, submodule

from .access import parameters
from .reinit import resettable

KEYS = {  # and what each may be
    'begin': (int, ), 'sampler': (dict, type, Sampler), 'loss': (dict, ), 'freeze': (list, tuple), 'bn': (str, ),
    'reinit': (list, tuple), 'lr': (int, float), 'batch_augments': (dict, list, tuple, type(None)),
    'train_pipeline': (list, tuple, type(None)), 'cam': (dict, type(None)),
}


class StagePlan:
    """Stages in order of ``begin``, a 0-based epoch; those of one epoch are merged.

    Args:
        stages (list[dict]): see :class:`~mmlt.engine.hooks.StageSwitchHook`.

    Raises:
        ValueError: stages out of order, an unknown key, a value of another type or out of range, no stage.

    >>> plan = StagePlan([dict(begin=2, lr=0.1), dict(begin=5, bn='frozen'), dict(begin=5, freeze=['backbone'])])
    >>> plan.value('lr', 1), plan.value('lr', 9), plan.current(9)
    (None, 0.1, {'begin': 5, 'bn': 'frozen', 'freeze': ['backbone']})
    """

    def __init__(self, stages):
        self.stages = []
        for stage in map(dict, stages):
            unknown = set(stage) - set(KEYS)
            if unknown or 'begin' not in stage:
                raise ValueError(f'a stage needs begin= and any of {", ".join(list(KEYS)[1:])}; got {sorted(stage)}'
                                 + near(sorted(unknown), KEYS))
            for key, value in stage.items():
                if not isinstance(value, KEYS[key]):
                    raise ValueError(f'stage of epoch {stage["begin"]}: {key} must be '
                                     f'{" or ".join(kind.__name__ for kind in KEYS[key])}, got {value!r}')
            check_range(self, '[0, inf)', lr=stage.get('lr', 0))
            if stage.get('bn', 'update') not in ('update', 'frozen'):
                raise ValueError(f'bn must be "update" or "frozen", got {stage["bn"]!r}')
            if stage['begin'] < (self.stages[-1]['begin'] if self.stages else 0):
                raise ValueError(f'stages must be in order of begin, 0 or later; got {[s["begin"] for s in stages]}')
            if self.stages and self.stages[-1]['begin'] == stage['begin']:
                self.stages[-1].update(stage)
            else:
                self.stages.append(stage)
        if not self.stages:
            raise ValueError('StageSwitchHook needs at least one stage, e.g. stages=[dict(begin=160, lr=0.01)]')

    def current(self, epoch, key=None):
        """The stage of an epoch, or the one that set ``key`` last; None before the first."""
        begun = [s for s in self.stages if s['begin'] <= epoch and (key is None or key in s)]
        return begun[-1] if begun else None

    def value(self, key, epoch, default=None):
        """What ``key`` is in an epoch."""
        return (self.current(epoch, key) or {}).get(key, default)

    def having(self, *keys):
        """The stages that set one of the keys."""
        return [stage for stage in self.stages if set(keys) & set(stage)]

    def check(self, model, max_epochs):
        """Warn of stages that never begin; a ``ValueError`` for what ``model`` does not have or cannot do."""
        for stage in self.stages:
            if stage['begin'] >= max_epochs:
                warnings.warn(f'the stage of epoch {stage["begin"]} never begins: training ends after '
                              f'{max_epochs} epochs (0 to {max_epochs - 1})', stacklevel=1)
            frozen = {id(p) for path in stage.get('freeze', []) for p in parameters(model, path)}
            if all(id(p) in frozen or not p.requires_grad for p in model.parameters()):
                raise ValueError(f'freeze={stage.get("freeze")} leaves nothing to train')
            for path in stage.get('reinit', []):
                resettable(submodule(model, path), path)
