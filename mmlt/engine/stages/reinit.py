"""``reinit``: start modules anew in the middle of a run."""
from mmengine.model import initialize

from ...core.checks import submodule
from ...core.random import global_seed
from ..access import ema_models, unwrap
from .part import StagePart, register


@register
class ReinitPart(StagePart):
    """Resets modules once, when their stage begins."""

    keys = dict(reinit=(list, tuple))

    def check(self, runner):
        model = unwrap(runner.model)
        for stage in self.plan.having('reinit'):
            for path in stage['reinit']:
                resettable(submodule(model, path), path)

    def switch(self, runner, time, begins):
        if begins:
            stage = self.plan.current(time)
            for path in stage.get('reinit', []):
                reinitialize(runner, path, seed=(runner.seed or 0) + stage['begin'])


def reinitialize(runner, path, seed):
    """Reset the module at ``path`` as it was first initialised: own ``reset_parameters``, then the ``init_cfg`` of the
    nearest module above. Its optimizer state is dropped, EMA copies follow, the global random state is untouched.

    Raises:
        ValueError: nothing below ``path`` knows how to reset itself.
    """
    model = unwrap(runner.model)
    module = model.get_submodule(path)
    weights = list(module.parameters())
    parts = resettable(module, path)
    device = weights[0].device
    with global_seed(seed, device):
        for part in parts:
            part.reset_parameters()
        init_cfg = _init_cfg(model, path)
        if init_cfg:
            initialize(module, init_cfg)
    for weight in weights:
        runner.optim_wrapper.optimizer.state.pop(weight, None)
    for copy in ema_models(runner):
        copy.get_submodule(path).load_state_dict(module.state_dict())


def resettable(module, path):
    """The modules below ``path`` that know how to reset themselves; a ValueError if there is none."""
    parts = [m for m in module.modules() if hasattr(m, 'reset_parameters')]
    if not parts:
        raise ValueError(f'{path} ({type(module).__name__}) has no reset_parameters; it cannot be re-initialised')
    return parts


def _init_cfg(model, path):
    names = path.split('.')
    for depth in range(len(names), -1, -1):
        cfg = getattr(model.get_submodule('.'.join(names[:depth])), 'init_cfg', None)
        if cfg:
            steps = cfg if isinstance(cfg, list) else [cfg]
            kinds = sorted({type(m).__name__ for m in model.get_submodule(path).modules()})
            return [found for step in steps if step.get('type') != 'Pretrained'
                    for found in _own_part(step, '.'.join(names[depth:]), kinds)]
    return None


def _own_part(step, below, kinds):
    """What an ``init_cfg`` says of the part ``below`` its owner, whose modules are of these ``kinds``. MMSegmentation's
    heads name their classifier in ``override``, which MMEngine looks for in the owner alone."""
    if not below:  # its own
        return [step]
    base = {key: value for key, value in step.items() if key != 'override'}
    overrides = step.get('override') or []
    for override in overrides if isinstance(overrides, list) else [overrides]:
        if f'{below}.'.startswith(f'{override["name"]}.'):
            own = {key: value for key, value in override.items() if key != 'name'}
            return [dict(own if 'type' in own else base, layer=kinds)]
    return [base] if 'layer' in base else []
