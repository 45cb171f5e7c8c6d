"""The stages of a training config, as text, whatever hook or overlay wrote them."""


def stages_of(config):
    """[(first epoch, what holds)] and the number of epochs; ([], 0) without a config."""
    train = config.get('train_cfg') or {}
    epochs = train.get('max_epochs') or train.get('max_iters') or 0
    if not epochs:
        return [], 0
    sampler = ((config.get('train_dataloader') or {}).get('sampler') or {}).get('type', 'DefaultSampler')
    plan = [(0, [_name(sampler)])]
    for stage in _plan(config):
        begin = stage.get('begin', 0)
        begin = round(begin * epochs) if isinstance(begin, float) and begin < 1 else begin
        keys = sorted((key for key in stage if key != 'begin'), key=lambda key: key != 'sampler')
        parts = [_text(key, stage[key]) for key in keys]
        if 'sampler' not in stage:
            parts.insert(0, plan[-1][1][0])
        plan.append((begin, [part for part in parts if part]))
    return [(begin, ' + '.join(parts)) for begin, parts in plan if begin < epochs], epochs


def _plan(config):
    hooks = [*(config.get('default_hooks') or {}).values(), *(config.get('custom_hooks') or [])]
    return [stage for hook in hooks if isinstance(hook, dict) and hook.get('type') == 'StageSwitchHook'
            for stage in hook.get('stages', [])]


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
