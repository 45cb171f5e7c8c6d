"""The rules by which an overlay changes a config; both are plain dicts."""
import copy
import operator
import re
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, OPTIM_WRAPPERS

from ...data.labels import class_counts, num_classes_of

REFERENCE = re.compile(r'\{\{\s*([\w.]+)(?:\s*(\+|-|//)\s*(\d+))?\s*\}\}')
PARTS = ('backbone', 'neck', 'head', 'rpn_head', 'roi_head', 'bbox_head', 'mask_head', 'decode_head')
OPERATORS = {'+': operator.add, '-': operator.sub, '//': operator.floordiv}


def tune(diff, cfg, options, name):
    """The overlay with its settings for the data set of ``cfg``."""
    tuned = diff.pop('tuned', {})
    data = cfg.get('data_name')
    imbalance = options.get('train_dataloader.dataset.imbalance') or _get(cfg, 'train_dataloader.dataset.imbalance')
    diff = {key: value for key, value in diff.items() if key[0] != '_'}
    for key in (data, f'{data}/{imbalance}'):
        for path, value in tuned.get(key, {}).items():
            diff = merge(diff, nested(path, value), name, strict=False)
    return diff


def refer(diff, cfg, options, below, name):
    """The overlay with values of ``cfg`` where it refers to them."""
    names = dict(name=below, config=below.removeprefix('ce_'), epochs_left='{{epochs_left}}')

    def look_up(match):
        path, sign, number = match.groups()
        value = names.get(path, options.get(path, _get(cfg, path)))
        if value is None and path in COUNTED and cfg.get('default_scope') == 'mmpretrain':
            value = COUNTED[path](_training_set(cfg, options))
        if value is None and path == 'train_cfg.max_epochs':
            refuse_iterations(cfg, name)
        if value is None:
            raise ValueError(f'{name} needs {path}, which the config does not have; give --cfg-options {path}=...')
        return OPERATORS[sign](value, int(number)) if sign else value

    def substitute(node):
        if isinstance(node, dict):
            return {key: substitute(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)(map(substitute, node))
        if not isinstance(node, str) or '{{' not in node:
            return node
        whole = REFERENCE.fullmatch(node)
        return copy.deepcopy(look_up(whole)) if whole else REFERENCE.sub(lambda match: str(look_up(match)), node)

    diff = substitute(diff)
    for stage in _get(diff, 'default_hooks.stages.stages') or []:
        stage['_of'] = name  # an overlay's stages are in order
    return diff


def refuse_iterations(cfg, name):
    """An overlay that says for how many epochs it trains, or asks for them, needs a config that counts them."""
    end = (cfg.get('train_cfg') or {}).get('max_iters')
    if end:
        raise ValueError(f'{name} counts epochs (train_cfg.max_epochs), and the config counts iterations, '
                         f'max_iters={end}; take a config that counts epochs')


def _get(cfg, path):
    for key in path.split('.'):
        if isinstance(cfg, list) and cfg and not key.isdigit():
            cfg = cfg[0]  # as the heads of a cascade, which agree
        if isinstance(cfg, dict) and key not in cfg and isinstance(cfg.get('dataset'), dict):
            cfg = cfg['dataset']  # inside a wrapper
        cfg = cfg.get(key) if isinstance(cfg, dict) else cfg[int(key)] if isinstance(cfg, list) else None
    return cfg


def _training_set(cfg, options):
    """The built training set of a config, to count it."""
    cfg = Config(copy.deepcopy(cfg))
    cfg.merge_from_dict({key: value for key, value in options.items() if key.startswith('train_dataloader.dataset')})
    folder = cfg.get('data')
    if folder:  # one folder a class; its images are not read
        for split in ('train', cfg.get('test_split', 'val')):
            if not any(Path(folder, split).glob('*/*')):
                raise ValueError(f'{folder}/{split} holds no folder of images; put the images of each class in a '
                                 'folder there, or give another by --set data=FOLDER (and test_split=test for a folder '
                                 'that holds train/ and test/)')
        cfg.train_dataloader.dataset.update(data_root=folder, pipeline=[])
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope', 'mmpretrain')) as registry:
        return registry.build(cfg.train_dataloader.dataset)


COUNTED = dict(  # of the training set
    class_counts=lambda dataset: class_counts(dataset).tolist(), num_images=len, num_classes=num_classes_of)


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
        if '_append_' in new:
            return [*([old] if isinstance(old, dict) else old or []), *new['_append_']]
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
        # an overlay that names the type of a part may give it whatever that type takes
        merge = Merge(self.name, False, self.scope) if path[:1] == ('model', ) and 'type' in new else self
        for key, value in new.items():
            merged[key] = merge.values(old.get(key), value, (*path, key))
        return merged

    def missing(self, old, new, path):
        if self.strict and old is None and path[0] == 'model' and path[-1] in PARTS and 'type' not in new:
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


def plain_types(node, scope):
    """Name classes as registries do, in place: a config in pure Python, by ``read_base``, gives their whole paths,
    ``mmpretrain.models.ResNet``, where overlays and what they need go by ``ResNet``."""
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for item in items:
        plain_types(item, scope)
    kind = node.get('type') if isinstance(node, dict) else None
    if isinstance(kind, str) and '.' in kind:
        name = kind.rpartition('.')[2]
        cls = resolve(name, scope)
        if kind.startswith('mmlt.') or (cls is not None and cls is resolve(kind, scope)):
            node['type'] = name
