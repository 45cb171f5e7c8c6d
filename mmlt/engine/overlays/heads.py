"""Give a classifier's config the head that its methods need, or say why it cannot have one."""
import warnings

import torch
from mmengine.registry import MODELS
from torch import nn

from .merge import resolve
from .parts import hooks, inner_model, staged

LIBRARIES = 'TimmClassifier', 'HuggingFaceClassifier'
CAM = 'a convolutional backbone, GlobalAveragePooling and a head with one linear or cosine layer fc'


def fit_head(cfg, name):
    """Give the head the classifier and the features that its parts need."""
    head = inner_model(cfg).get('head')
    if inner_model(cfg).get('type') in LIBRARIES:
        fit_library(cfg, name)
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
    swap_in(cfg, swap, paths)


def fit_library(cfg, name):
    """Swap the classifier of a model that is another library's as a whole."""
    model = inner_model(cfg)
    swap = model.pop('classifier', None)
    if not swap and 'head.fc' not in str(hooks(cfg)):
        return
    if model['type'] != 'TimmClassifier':
        raise ValueError(f'{name} changes the classifier, and {model["type"]} does not say where it lies; put '
                         'SwapClassifier with its path around the model, or take the loss alone')
    import timm
    paths = timm.get_pretrained_cfg(model['model_name']).classifier
    swap_in(cfg, swap, [f'model.{path}' for path in ([paths] if isinstance(paths, str) else paths)])


def swap_in(cfg, swap, paths):
    """Put a layer at the paths, and the paths into hooks that speak of head.fc."""
    if swap:
        cfg['model'] = dict(type='SwapClassifier', model=cfg['model'], to=swap,
                            path=paths[0] if len(paths) == 1 else paths)
    redirect(hooks(cfg), 'head.fc', paths)


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


def place(diff, cfg, name):
    """The overlay with its settings of the head where a model without head has them, and those of a model inside a swap
    or of a data set inside a wrapper there.

    Raises:
        ValueError: the classifier of another library has no such setting.
    """
    loader, model = cfg.get('train_dataloader') or {}, cfg.get('model') or {}
    dataset = diff.get('train_dataloader', {}).get('dataset')
    if dataset and 'type' not in dataset and isinstance(_inner(loader.get('dataset')), dict):
        return place(dict(diff, train_dataloader=dict(diff['train_dataloader'], dataset=_wrap(
            loader['dataset'], dataset))), dict(cfg, train_dataloader={}), name)
    if 'model' not in diff or model.get('type') not in ('SwapClassifier', *LIBRARIES):
        return diff
    if model['type'] == 'SwapClassifier':
        return dict(diff, model=dict(model=place(diff, model, name)['model']))
    own = dict(diff['model'])
    head = own.pop('head', {})
    if other := sorted(set(head) - {'loss', 'classifier'}):
        raise ValueError(f'{name} changes model.head.{other[0]}; {model["type"]} has no head of its own, only a loss')
    return dict(diff, model={**own, **head})


def _inner(dataset):
    return dataset.get('dataset') if isinstance(dataset, dict) and 'pipeline' not in dataset else None


def _wrap(old, new):
    """Settings of the innermost data set, below its wrappers."""
    return dict(dataset=_wrap(_inner(old), new)) if _inner(old) else new


def needs_more(kind):
    """True if a loss asks for more than logits and target."""
    loss = resolve(kind)
    return bool(getattr(loss, 'requires', ()))


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
