"""Make a config with overlays complete: what its methods need of the model, the hooks and the metrics."""
import itertools
import warnings

import torch
from mmengine.registry import MODELS
from torch import nn

from .merge import resolve

CAM = 'a convolutional backbone, GlobalAveragePooling and a head with one linear or cosine layer fc'


def fit(cfg, names):
    """The config with heads, hooks and metrics that its parts need.

    Raises:
        ValueError: a part does not go with the model, or two stages begin at the same epoch.
    """
    name = '+'.join(names)
    scope = cfg.get('default_scope', 'mmpretrain')
    imports = cfg.setdefault('custom_imports', {}).setdefault('imports', [])
    if isinstance(imports, str):
        imports = cfg['custom_imports']['imports'] = [imports]
    if not any(module.partition('.')[0] == 'mmlt' for module in imports):
        imports.append('mmlt')
    fit_stages(cfg, name)
    if scope == 'mmpretrain':
        fit_head(cfg, name)
        fit_cam(cfg, name)
        add_metric(cfg)
    if scope == 'mmdet':
        fit_freeze(cfg)
    if scope == 'mmseg':
        fit_segmentor(cfg, name)
    else:  # pixels are counted beforehand
        add_hook(cfg, 'class_counts', 'ClassCountsHook')
    return cfg


def hooks(cfg):
    named = (cfg.get('default_hooks') or {}).values()
    return [hook for hook in [*named, *(cfg.get('custom_hooks') or [])] if isinstance(hook, dict)]


def add_hook(cfg, key, kind):
    if not any(hook.get('type') == kind for hook in hooks(cfg)):
        cfg['default_hooks'] = {**(cfg.get('default_hooks') or {}), key: dict(type=kind)}


def add_metric(cfg):
    """``LongTailMetric`` beside the metrics that are there; multi-label ones keep to themselves."""
    for key in ('val_evaluator', 'test_evaluator'):
        evaluator = cfg.get(key)
        if not evaluator:
            continue
        inner = evaluator if isinstance(evaluator, dict) and 'metrics' in evaluator else None
        metrics = inner['metrics'] if inner else evaluator
        metrics = [metrics] if isinstance(metrics, dict) else list(metrics)
        kinds = [str(metric['type']) for metric in metrics]
        if 'LongTailMetric' in kinds or any('MultiLabel' in kind or 'AveragePrecision' in kind for kind in kinds):
            continue
        metrics.append(dict(type='LongTailMetric'))
        if inner:
            inner['metrics'] = metrics
        else:
            cfg[key] = metrics


# stages

def staged(cfg):
    return next((hook['stages'] for hook in hooks(cfg) if hook.get('type') == 'StageSwitchHook'), [])


def fit_stages(cfg, name):
    """Order the stages, and turn fractions of the run into epochs (or iterations)."""
    stages = staged(cfg)
    loop = cfg.get('train_cfg') or {}
    end = loop.get('max_epochs') or loop.get('max_iters')
    moved = dict(cfg.get('stages_at', []))
    given = [stage['begin'] for stage in stages]
    for stage in stages:
        if 0 < stage['begin'] < 1:
            stage['begin'] = round(moved.get(stage['begin'], stage['begin']) * end)
        for sampler in _dicts(stage.get('sampler')):
            if sampler.get('max_epochs') == '{{epochs_left}}':
                sampler['max_epochs'] = end - stage['begin']
    for (i, first), (j, second) in itertools.combinations(enumerate(stages), 2):
        same = first.get('_of') == second.get('_of')
        if given[i] != given[j] and (first['begin'] == second['begin'] or (same and first['begin'] > second['begin'])):
            raise ValueError(f'{name}: the stages of begin={given[i]} and {given[j]} would begin at the epochs '
                             f'{first["begin"]} and {second["begin"]} of {end}; train for more epochs, or give other '
                             'begins')
    for stage in stages:
        stage.pop('_of', None)
    stages.sort(key=lambda stage: stage['begin'])


def _dicts(node):
    """Every dict below a node of a config, itself included."""
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from _dicts(item)


# the head

def inner_model(cfg):
    """The model's config inside ``SwapClassifier``."""
    model = cfg['model']
    while model.get('type') == 'SwapClassifier':
        model = model['model']
    return model


def fit_head(cfg, name):
    """Give the head the classifier and the features that its parts need."""
    head = inner_model(cfg).get('head')
    if not isinstance(head, dict):
        return
    kind, longtail, linear = (resolve(kind) for kind in (head['type'], 'LongTailClsHead', 'LinearClsHead'))
    if kind is None or (isinstance(kind, type) and issubclass(kind, longtail)):
        return
    losses = [head.get('loss'), *(stage.get('loss') for stage in staged(cfg))]
    needy = [loss['type'] for loss in losses if loss and needs_more(loss['type'])]
    wanted = [key for key in ('classifier', 'logit_adjust') if head.get(key)]
    if kind is linear and (needy or wanted):
        head['type'] = 'LongTailClsHead'
        return
    if needy:
        raise ValueError(f'{name}: {needy[0]} needs more than logits, which LongTailClsHead hands over; this config '
                         f'has {head["type"]}')
    if 'logit_adjust' in wanted:
        raise ValueError(f'{name}: logit_adjust belongs to LongTailClsHead; this config has {head["type"]}')
    swap = head.pop('classifier', None)
    if issubclass(kind, linear):
        paths = ['head.fc']
    elif swap or 'head.fc' in str(hooks(cfg)):
        paths = classifier_paths(head, name)
    else:
        return
    if swap:
        cfg['model'] = dict(type='SwapClassifier', model=cfg['model'], to=swap,
                            path=paths[0] if len(paths) == 1 else paths)
    redirect(hooks(cfg), 'head.fc', paths)


def needs_more(kind):
    """True if a loss asks for more than logits and target."""
    loss = resolve(kind)
    return bool(getattr(loss, 'needs_features', False) or getattr(loss, 'requires', ()))


def classifier_paths(head, name):
    """Where a head that is no ``LinearClsHead`` has its linear layers of ``num_classes`` outputs."""
    with torch.device('meta'), MODELS.switch_scope_and_registry('mmpretrain') as registry, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        module = registry.build(dict(head))
    found = [f'head.{path}' for path, layer in module.named_modules()
             if type(layer) is nn.Linear and layer.out_features == head.get('num_classes')]
    if not found:
        raise ValueError(f'{name} changes the classifier head.fc; {head["type"]} has neither fc nor another linear '
                         'layer of num_classes outputs')
    return found


def redirect(node, old, paths):
    """Replace a module path in lists and values of hooks, in place."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        if isinstance(value, (dict, list)):
            if isinstance(value, list) and old in value:
                value[:] = [path for item in value for path in (paths if item == old else [item])]
            redirect(value, old, paths)
        elif value == old:
            node[key] = paths[0]


def fit_cam(cfg, name):
    if not any(stage.get('cam') is not None for stage in staged(cfg)):
        return
    model = inner_model(cfg)
    neck, head = model.get('neck'), model.get('head') or {}
    kind = resolve(head.get('type', ''))
    if (neck or {}).get('type') != 'GlobalAveragePooling' or not issubclass(kind or int, resolve('LinearClsHead')):
        raise ValueError(f'{name} makes class activation maps, for which it needs {CAM}; this config has '
                         f'{model.get("backbone", {}).get("type", model["type"])} with the neck '
                         f'{neck and neck["type"]} and the head {head.get("type")}')


# detectors and segmentors

def fit_freeze(cfg):
    """Leave out what a detector may lack, as the mask head, of what is frozen."""
    model = inner_model(cfg)
    optional = {'neck': model, 'rpn_head': model, 'roi_head.mask_head': model.get('roi_head', {})}
    absent = [path for path, part in optional.items() if not part.get(path.rpartition('.')[2])]
    for stage in staged(cfg):
        if 'freeze' in stage:
            stage['freeze'] = [path for path in stage['freeze'] if path not in absent]


def fit_segmentor(cfg, name):
    """Take ours where a segmentor is to have another classifier."""
    model = inner_model(cfg)
    wanted = [key for key in ('classifier', 'logit_adjust', 'freeze') if model.get(key)]
    if not wanted or model['type'].startswith('LongTail'):
        return
    if model['type'] not in ('EncoderDecoder', 'CascadeEncoderDecoder'):
        raise ValueError(f'{name} needs an EncoderDecoder or CascadeEncoderDecoder for {wanted[0]}; this config has '
                         f'{model["type"]}')
    model['type'] = f'LongTail{model["type"]}'
