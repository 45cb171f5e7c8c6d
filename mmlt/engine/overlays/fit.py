"""Make a config with overlays complete: what its methods need of the model, the hooks and the metrics."""
import itertools
import math

from .heads import fit_cam, fit_head
from .parts import hooks, inner_model, staged


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


def fit_stages(cfg, name):
    """Order the stages, and turn fractions of the run into epochs (or iterations)."""
    stages = staged(cfg)
    loop = cfg.get('train_cfg') or {}
    end = loop.get('max_epochs') or loop.get('max_iters')
    moved = dict(cfg.get('stages_at', []))
    given = [stage['begin'] for stage in stages]
    for stage in stages:
        if 0 < stage['begin'] < 1:
            stage['begin'] = math.floor(moved.get(stage['begin'], stage['begin']) * end + 0.5)
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
