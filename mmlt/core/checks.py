"""Checks of arguments. ``owner`` is the object under construction, whose class the error names."""
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real

import torch
from torch import Tensor, nn


def check_range(owner: object, interval: str, /, **values) -> None:
    """Raise a ValueError unless every value is a number in ``interval``, such as ``'[0, 1)'``. NaN lies in none.

    >>> check_range(object(), '(0, inf)', scale=-30)
    Traceback (most recent call last):
    ValueError: object: scale must be a number in (0, inf), got -30
    """
    low, high = map(float, interval[1:-1].split(','))
    for name, value in values.items():
        inside = isinstance(value, Real) and low <= value <= high
        if not inside or (value == low and interval[0] == '(') or (value == high and interval[-1] == ')'):
            raise ValueError(f'{type(owner).__name__}: {name} must be a number in {interval}, got {value!r}')
        if isinstance(value, Integral) and not -2**63 <= value < 2**63:  # which torch cannot take
            raise ValueError(f'{type(owner).__name__}: {name}={value} is beyond 64 bits; give a float')


def check_integer(owner: object, low: int, /, **values) -> None:
    """Raise a ValueError unless every value is an integer of at least ``low``."""
    for name, value in values.items():
        if not isinstance(value, Integral) or value < low:
            raise ValueError(f'{type(owner).__name__}: {name} must be an integer >= {low}, got {value!r}')


def near(words: Iterable[str], names: Iterable[str]) -> str:
    """'; did you mean a, b?' or nothing.

    >>> near(['head.fcc'], ['backbone.conv1', 'head.fc'])
    '; did you mean head.fc?'
    """
    names = list(names)
    close = [match for word in words for match in get_close_matches(word, names, n=3, cutoff=0.4)]
    return f'; did you mean {", ".join(dict.fromkeys(close))}?' if close else ''


def last_few(names: Iterable[str], n: int = 3) -> str:
    """The last names of a list that may be long, as 'a, b, c (the last 3 of 50)'."""
    names = list(names)
    return ', '.join(names[-n:]) + (f' (the last {n} of {len(names)})' if len(names) > n else '')


def submodule(model: nn.Module, path: str, hint: str = '', names: Iterable[str] | None = None) -> nn.Module:
    """The module at ``path``; ``names`` are those worth naming if there is none.

    Raises:
        ValueError: there is none; near names are listed, or the last few.
    """
    try:
        return model.get_submodule(path)
    except AttributeError:
        names = [name for name, _ in model.named_modules() if name] if names is None else list(names)
        raise ValueError(f'no module {path!r} in {type(model).__name__}'
                         + (near([path], names) or f'; it ends in {last_few(names)}') + hint) from None


def check_tensor(name: str, value: Tensor, floating: bool = False) -> None:
    """Raise a TypeError unless ``value`` is a tensor, of real floating point numbers if so asked."""
    if not torch.is_tensor(value):
        raise TypeError(f'{name} must be a tensor, got {type(value).__name__} {value!r:.60}')
    if floating and not value.is_floating_point():
        raise TypeError(f'{name} must hold real floating point numbers, got {value.dtype}; pass {name}.float()')


def check_shape(name: str, value: Tensor, shape: str) -> None:
    """Raise unless ``value`` is a tensor with as many dimensions as ``shape``, '(N, C)' say, has letters."""
    check_tensor(name, value)
    if value.ndim != len(shape.strip('()').replace(',', ' ').split()):
        raise ValueError(f'{name} has shape {tuple(value.shape)}, expected {shape}')


def readable(tensor: torch.Tensor) -> bool:
    """True if its values can be read at no cost: on the CPU, outside of a compiled graph."""
    return tensor.device.type == 'cpu' and not torch.compiler.is_compiling()
