"""Put another classifier layer into any model."""
from difflib import get_close_matches

from torch import nn

from . import layers


def swap_classifier(model, to, path=None, **kwargs):
    """Replace a model's classifier, in place, and keep its weights and its checkpoint keys.

    Args:
        model (nn.Module): any model.
        to (str or callable): a layer of :mod:`mmlt.core.layers`, its name, or whatever makes a module from
            ``(in_features, out_features, **kwargs)``.
        path (str or sequence of str, optional): where the classifier lies, ``'head.fc'``; several are all replaced.
            Without it timm's ``model.default_cfg['classifier']``, which names both heads of a distilled DeiT.
        **kwargs: arguments of the layer. A 1x1 convolution is replaced by a layer with ``dim=1``.

    Returns:
        nn.Module: ``model``.

    Raises:
        ValueError: no module at ``path`` (near names are listed), no ``path`` for a model that is not timm's, or no
            layer of the name ``to``.
        TypeError: what lies there is neither a linear layer nor a 1x1 convolution.

    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(8, 4))
    >>> swap_classifier(model, 'CosineLinear', '1', scale=16)
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): CosineLinear(in_features=8, out_features=4)
    )
    """
    if isinstance(to, str):
        if to not in layers.__all__:
            raise ValueError(f'no classifier layer {to!r}; choose one of {", ".join(layers.__all__)}')
        to = getattr(layers, to)
    if path is None:
        path = (getattr(model, 'default_cfg', None) or {}).get('classifier')
        if path is None:
            raise ValueError(f'{type(model).__name__} does not say where its classifier lies; pass path=, '
                             f'one of {", ".join(_candidates(model)) or "(it has no linear layer)"}')
    swaps = [(p, _make(to, _find(model, p), p, kwargs)) for p in ([path] if isinstance(path, str) else path)]
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
    new = to(*shape, **kwargs).train(old.training)
    state = {key: value for key, value in old.state_dict().items() if key in ('weight', 'bias')}
    new.load_state_dict(state)
    like = next(iter(state.values()), None)
    return new if like is None else new.to(like)


def _find(model, path):
    try:
        return model.get_submodule(path)
    except AttributeError:
        names = _candidates(model)
        near = get_close_matches(path, names, n=3, cutoff=0.3) or names[-3:]
        raise ValueError(f'no module {path!r} in {type(model).__name__}; did you mean {", ".join(near)}?') from None


def _candidates(model):
    return [name for name, m in model.named_modules()
            if hasattr(m, 'in_features') or (isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1))]
