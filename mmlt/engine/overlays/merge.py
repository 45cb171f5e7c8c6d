"""The rules by which an overlay changes a config; both are plain dicts."""
import copy
import re

from mmengine.registry import MODELS, OPTIM_WRAPPERS

REFERENCE = re.compile(r'\{\{\s*([\w.]+)\s*\}\}')


def prepare(diff, cfg, options, first, name):
    """The overlay with its settings for the data set of ``cfg`` and without references."""
    tuned = diff.pop('tuned', {})
    data = cfg.get('data_name')
    imbalance = options.get('train_dataloader.dataset.imbalance') or _get(cfg, 'train_dataloader.dataset.imbalance')
    diff = {key: value for key, value in diff.items() if key[0] != '_'}
    for key in (data, f'{data}/{imbalance}'):
        for path, value in tuned.get(key, {}).items():
            diff = merge(diff, nested(path, value), name, strict=False)

    def look_up(match):
        path = match[1]
        value = first if path == 'name' else options.get(path, _get(cfg, path))
        if value is None:
            raise ValueError(f'{name} needs {path}, which the config does not have; give --cfg-options {path}=...')
        return value

    def substitute(node):
        if isinstance(node, dict):
            return {key: substitute(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)(map(substitute, node))
        if not isinstance(node, str) or '{{' not in node:
            return node
        whole = REFERENCE.fullmatch(node)
        return copy.deepcopy(look_up(whole)) if whole else REFERENCE.sub(lambda match: str(look_up(match)), node)

    return substitute(diff)


def _get(cfg, path):
    for key in path.split('.'):
        cfg = cfg.get(key) if isinstance(cfg, dict) else cfg[int(key)] if isinstance(cfg, list) else None
    return cfg


def nested(path, value):
    """'a.b' -> {'a': {'b': value}}."""
    for key in reversed(path.split('.')):
        value = {key: value}
    return value


def merge(cfg, diff, name, strict=True, scope=None):
    """A copy of ``cfg`` with the overlay ``diff`` merged over it; see :func:`mmlt.engine.overlays.load`.

    Raises:
        ValueError: the overlay changes a part of the model that ``cfg`` does not have.
    """
    return Merge(name, strict, scope or cfg.get('default_scope', 'mmpretrain')).dicts(cfg, diff, ())


class Merge:

    def __init__(self, name, strict, scope):
        self.name, self.strict, self.scope = name, strict, scope

    def values(self, old, new, path):
        if path == ('custom_hooks', ) or path == ('custom_imports', 'imports'):
            return [*(old or []), *(item for item in new if item not in (old or []))]
        if path == ('default_hooks', 'stages', 'stages') and self.strict and isinstance(old, list):
            return [*old, *new]
        if not isinstance(new, dict):
            return new
        if isinstance(old, list) and new and all(key.isdigit() for key in new):
            return [self.values(item, new[str(i)], path) if str(i) in new else item for i, item in enumerate(old)]
        if isinstance(old, list) and old and 'type' not in new and all(isinstance(item, dict) for item in old):
            return [self.dicts(item, new, path) for item in old]
        new = dict(new)
        if new.pop('_delete_', False) or not isinstance(old, dict) or self.anew(old, new, path):
            old = self.missing(old, new, path)
        return self.dicts(old, new, path)

    def dicts(self, old, new, path):
        merged = dict(old)
        for key, value in new.items():
            merged[key] = self.values(old.get(key), value, (*path, key))
        return merged

    def missing(self, old, new, path):
        part = path[0] == 'model' and len(path) > 1 and path[-1] not in ('train_cfg', 'test_cfg', 'init_cfg')
        if self.strict and old is None and part and 'type' not in new:
            raise ValueError(f'{self.name} changes {".".join(path)}, which the config does not have: it is for another '
                             'kind of model')
        return {}

    def anew(self, old, new, path):
        """True if ``new`` names another type that does not take the arguments of the old one."""
        kinds = old.get('type'), new.get('type')
        if None in kinds or kinds[0] == kinds[1]:
            return False
        if path[-1] == 'sampler' or path[-1].startswith('loss'):
            return True
        was, becomes = (resolve(kind, self.scope) for kind in kinds)
        return not (isinstance(was, type) and isinstance(becomes, type) and issubclass(becomes, was))


def resolve(kind, scope='mmpretrain'):
    """The class behind a config's ``type``, None if it is not known."""
    if not isinstance(kind, str):
        return kind
    for registry in (MODELS, OPTIM_WRAPPERS):
        with registry.switch_scope_and_registry(scope) as found:
            cls = found.get(kind)
        if cls is not None:
            return cls
