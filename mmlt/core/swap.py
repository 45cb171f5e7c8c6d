"""Put another classifier layer into any model."""
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from . import layers
from .checks import last_few, submodule
from .layers.base import ClassifierLayer
from .random import plain_generator

AFTER_CLASSIFIER = nn.Dropout, nn.Identity, nn.Softmax, nn.LogSoftmax, nn.Flatten


def swap_classifier(model: nn.Module, to: Any, path: str | Sequence[str] | None = None, **kwargs):
    """Replace a model's classifier, in place, and keep its weights and its checkpoint keys.

    Args:
        model (nn.Module): any model.
        to (str or callable): a layer of :mod:`mmlt.core.layers`, its name, or whatever makes a module from
            ``(in_features, out_features, **kwargs)``.
        path (str or sequence of str, optional): where the classifier lies, ``'head.fc'``; several are all replaced.
            Without it timm's ``model.default_cfg['classifier']``, which names both heads of a distilled DeiT, or the
            last ``nn.Linear`` of a model that ends with one, as torchvision's classifiers do.
        **kwargs: arguments of the layer. A 1x1 convolution is replaced by a layer with ``dim=1``.

    Returns:
        nn.Module: ``model``.

    Raises:
        ValueError: no module at ``path`` (near names are listed), no ``path`` for a model that ends otherwise, or
            no layer of the name ``to``.
        TypeError: what lies there is neither a linear layer nor a 1x1 convolution, or is one by name only, such as
            ArcFace's ``NormProduct``.

    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(8, 4))
    >>> swap_classifier(model, 'CosineLinear', '1', scale=16)
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): CosineLinear(in_features=8, out_features=4)
    )
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f'model must be an nn.Module, got {type(model).__name__} {model!r:.60}')
    if not callable(to) and not isinstance(to, str):
        raise TypeError(f'to must be the name of a layer or make one, got {to!r:.60}')
    if isinstance(to, str):
        if to not in layers.__all__:
            raise ValueError(f'no classifier layer {to!r}; choose one of {", ".join(layers.__all__)}')
        to = getattr(layers, to)
    if path is None:
        path = (getattr(model, 'default_cfg', None) or {}).get('classifier') or _last_linear(model)
        if path is None:
            raise ValueError(f'{type(model).__name__} does not say where its classifier lies; pass path=, one of '
                             + (last_few(_candidates(model)) or '(it has no linear layer)'))
    paths = [path] if isinstance(path, str) else path
    if not paths:
        raise ValueError(f'path={path!r} names no classifier')
    swaps = [(p, _make(to, submodule(model, p, names=_candidates(model)), p, kwargs)) for p in paths]
    for p, layer in swaps:
        parent, _, name = p.rpartition('.')
        setattr(model.get_submodule(parent), name, layer)
    return model


def _make(to, old, path, kwargs):
    conv = isinstance(old, nn.Conv2d)
    if conv and (old.kernel_size, old.stride, old.padding, old.groups) == ((1, 1), (1, 1), (0, 0), 1):
        shape = old.in_channels, old.out_channels
        kwargs = dict(dim=1, **kwargs)
    elif not conv and hasattr(old, 'in_features') and hasattr(old, 'out_features'):
        shape = old.in_features, old.out_features
        kwargs = dict(dim=1, **kwargs) if getattr(old, 'dim', -1) == 1 else kwargs
    else:
        raise TypeError(f'{path} is {old}, expected a linear layer or a plain 1x1 convolution')
    if not isinstance(old, ClassifierLayer) and not _is_linear(old, shape[0]):
        raise TypeError(f'{path} is {type(old).__name__}, whose output is not linear in its input: its weights would '
                        'mean something else in another layer, and its head expects what it gives; keep it')
    state = {key: value for key, value in old.state_dict().items() if key in ('weight', 'bias')}
    like = next(iter(state.values()), None)
    new = to(*shape, **kwargs).train(old.training)
    if like is None or not like.is_meta:
        new.load_state_dict(state)
    return new if like is None else new.to(like)


def _is_linear(layer, width):
    """Whether a copy with random weights is affine in its input; no global generator moves."""
    if type(layer).forward in (nn.Linear.forward, nn.Conv2d.forward):
        return True
    generator = plain_generator(0)
    probe = deepcopy(layer).to(torch.float64).to_empty(device='cpu').eval()
    with torch.no_grad():
        for tensor in (*probe.parameters(), *probe.buffers()):
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
        x = torch.randn(3, width, *[1, 1] * isinstance(layer, nn.Conv2d), generator=generator, dtype=torch.float64)
        try:
            at_zero, once, thrice = probe(torch.zeros_like(x)), probe(x), probe(3 * x)
        except (TypeError, RuntimeError):  # it takes more than features, or another shape
            return False
    return torch.allclose(thrice - at_zero, 3 * (once - at_zero))


def _last_linear(model):
    """The path of the ``nn.Linear`` with which a model ends, or None. A detector's last layer is no classifier."""
    ends = [(name, m) for name, m in model.named_modules() if name and not any(m.children())]
    if any('bbox' in name or 'fc_cls' in name for name, _ in ends):
        return None
    ends = [(name, m) for name, m in ends if 'loss' not in name and not isinstance(m, AFTER_CLASSIFIER)]
    return ends[-1][0] if ends and isinstance(ends[-1][1], nn.Linear) else None


def _candidates(model):
    return [name for name, m in model.named_modules()
            if hasattr(m, 'in_features') or (isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1))]
