"""The stages of a training config, as text, whatever hook or overlay wrote them, and what its samplers draw.

C classes, G groups.
"""
import numpy as np

POINTS = 48  # epochs of a run at which a sampler is asked
# samplers whose draws follow from the counts and the epoch
STATIC = ('PowerSampler', 'ClassBalancedSampler', 'SquareRootSampler', 'ReversedSampler', 'EffectiveNumberSampler',
          'ProgressivelyBalancedSampler', 'CurriculumSampler', 'RandomOverSampler', 'RandomUnderSampler',
          'ClassCycleSampler', 'ClassGroupSampler')


def stages_of(config):
    """[(first epoch, what holds)] and the number of epochs; ([], 0) without a config."""
    train = config.get('train_cfg') or {}
    epochs = train.get('max_epochs') or train.get('max_iters') or 0
    if not epochs:
        return [], 0
    sampler = ((config.get('train_dataloader') or {}).get('sampler') or {}).get('type', 'DefaultSampler')
    plan = [(0, [_name(sampler)])]
    for begin, stage in _plan(config, epochs):
        keys = sorted((key for key in stage if key != 'begin'), key=lambda key: key != 'sampler')
        parts = [_text(key, stage[key]) for key in keys]
        if 'sampler' not in stage:
            parts.insert(0, plan[-1][1][0])
        plan.append((begin, [part for part in parts if part]))
    return [(begin, ' + '.join(parts)) for begin, parts in plan if begin < epochs], epochs


def shares_of(config, counts, groups):
    """[(first epoch, end, (G,) shares of the groups in the draws)] of a config's samplers; [] where one is unknown, or
    draws by what training learns.

    Args:
        config (dict): a training config that counts epochs.
        counts (ndarray): training images (C,) of the classes.
        groups (dict): {name: (C,) bool}.
    """
    from ...data import samplers
    epochs = (config.get('train_cfg') or {}).get('max_epochs')
    if not epochs or counts is None:
        return []
    first = (config.get('train_dataloader') or {}).get('sampler') or {}
    plan = [(0, first), *((begin, stage['sampler']) for begin, stage in _plan(config, epochs) if 'sampler' in stage)]
    labels, found = np.repeat(np.arange(len(counts)), counts), []
    for (begin, sampler), stop in zip(plan, [*(begin for begin, _ in plan[1:]), epochs]):
        settings = {key: value for key, value in (sampler or {}).items() if key not in ('type', 'seed', 'shuffle')}
        kind = _name((sampler or {}).get('type', 'DefaultSampler'))
        if kind != 'plain sampling' and kind not in STATIC:
            return []
        drawn = samplers.PowerSampler(labels, q=1., seed=0) if kind == 'plain sampling' else \
            getattr(samplers, kind)(labels, seed=0, **settings)
        drawn.begin = begin
        for epoch in np.unique(np.linspace(begin, stop, max(round(POINTS * (stop - begin) / epochs), 1) + 1)[:-1] // 1):
            drawn.epoch = int(epoch)
            share = np.zeros(len(counts))
            share[:len(drawn.counts)] = drawn.class_probabilities
            share = np.array([share[mask].sum() for mask in groups.values()])
            if not found or not np.allclose(share, found[-1][1]):
                found.append((int(epoch), share))
    ends = [*(begin for begin, _ in found[1:]), epochs]
    return [(begin, end, share) for (begin, share), end in zip(found, ends)]


def _plan(config, epochs):
    """[(first epoch, stage)] of all stage hooks."""
    hooks = [*(config.get('default_hooks') or {}).values(), *(config.get('custom_hooks') or [])]
    stages = [stage for hook in hooks if isinstance(hook, dict) and hook.get('type') == 'StageSwitchHook'
              for stage in hook.get('stages', [])]
    begins = [stage.get('begin', 0) for stage in stages]
    return [(round(b * epochs) if isinstance(b, float) and b < 1 else b, stage) for b, stage in zip(begins, stages)]


def _text(key, value):
    if key in ('sampler', 'loss'):
        return _name(value.get('type') if isinstance(value, dict) else value)
    if key == 'cam':
        return 'CAM foregrounds' if value is not None else ''
    if key in ('freeze', 'reinit'):
        return f'{"frozen" if key == "freeze" else "new"} {", ".join(map(str, value))}' if value else ''
    if key == 'lr':
        return f'lr {value:g}'
    if key == 'bn':
        return f'batch norm {value}'
    return f'no {key}' if not value else key.replace('_', ' ')


def _name(kind):
    kind = getattr(kind, '__name__', str(kind)).rpartition('.')[2]
    return {'DefaultSampler': 'plain sampling', 'InfiniteSampler': 'plain sampling'}.get(kind, kind)
