"""Training class counts and what follows from them.  C classes, n (C,) counts, N = sum n, pi = n / N."""
import json
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from .checks import check_shape, check_tensor

# one number a class, or the path of a json file with them
Counts = Sequence[float] | np.ndarray | Tensor | str | os.PathLike


def as_counts(counts: Counts, num_classes: int | None = None, allow_empty: bool = False) -> Tensor:
    """Check class counts and return them as a float64 tensor (C,).

    Args:
        counts: a sequence, array or tensor (C,), or the path of a json file that holds a list or
            ``{"class_counts": [...]}``.
        num_classes (int, optional): the C to expect.
        allow_empty (bool): accept classes without a training image (count 0).

    Raises:
        ValueError: a count is NaN, negative or (unless ``allow_empty``) zero, or C is not ``num_classes``.
    """
    if isinstance(counts, (str, os.PathLike)):
        with open(counts) as f:
            try:
                content = json.load(f)
            except (ValueError, RecursionError) as error:
                raise ValueError(f'{counts} is no json file of class counts ({type(error).__name__}); it must hold '
                                 '[n_0, n_1, ...]') from None
        counts = content
        if isinstance(counts, dict):
            counts = counts.get('class_counts', counts)
    try:
        counts = torch.as_tensor(counts).detach()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f'class_counts must be one number a class, [n_0, n_1, ...], got {counts!r}') from None
    counts = counts.to(torch.float32 if counts.device.type == 'mps' else torch.float64)  # mps has no float64
    if counts.ndim != 1 or not len(counts):
        raise ValueError(f'class_counts must have shape (C,), one count a class; got {tuple(counts.shape)}')
    if num_classes is not None and len(counts) != num_classes:
        raise ValueError(f'{len(counts)} class counts for {num_classes} classes; pass one count for each class')
    if counts.device.type == 'cpu' and not torch.compiler.is_compiling():
        bad = ~(counts >= 0 if allow_empty else counts > 0) | counts.isinf()
        if bad.any():
            c = int(bad.nonzero()[0])
            raise ValueError(
                f'class {c} has the training count {counts[c].item():g}, expected a finite number '
                f'{">= 0" if allow_empty else "> 0"}; drop the class from the data set or give it an image')
    return counts


class ExactBuffers(nn.Module):
    """Keeps the digits of float64 buffers, which are state and no weights: ``.half()``, ``.to(...)`` only move them."""

    if TYPE_CHECKING:  # a buffer is a tensor; Module says Tensor | Module

        def __getattr__(self, name: str) -> Any: ...

    def _apply(self, fn, recurse=True):
        exact = {name: x for name, x in self._buffers.items() if x is not None and x.dtype == torch.float64}
        self._buffers.update((name, x.float()) for name, x in exact.items())
        super()._apply(fn, recurse)
        for name, x in exact.items():
            device = self._buffers[name].device
            if device.type != 'mps':  # which has no float64
                self._buffers[name] = torch.empty_like(x, device=device) if x.is_meta else x.to(device)
        return self


class ClassCounts(ExactBuffers):
    """Base of every part that needs class counts.

    Its whole state is the persistent buffer ``class_counts`` (C,), of shape (0,) until it is set. Whatever follows
    from it goes into :meth:`derive`, which runs when the counts are set or loaded. A checkpoint without counts leaves
    them as they are; one with counts brings its own, of any C.

    Args:
        class_counts: anything :func:`as_counts` takes, or None to have ``ClassCountsHook`` fill it.

    Attributes:
        allow_empty (bool): a class without training images is no error.
        counted (str): what has one entry a class, for errors.
        own_counts (Tensor, optional): the counts that were given when it was built; ``ClassCountsHook`` leaves them.
    """

    allow_empty = False
    own_counts: Tensor | None = None
    counted = 'logits'

    def __init__(self, class_counts: Counts | None = None):
        super().__init__()
        self.register_buffer('class_counts', torch.zeros(0, dtype=torch.float64))
        self.take(class_counts)

    def take(self, class_counts: Counts | None) -> None:
        """Set the counts that the constructor was given, if any, and remember them."""
        if class_counts is not None:
            self.set_class_counts(class_counts)
            self.own_counts = self.class_counts.clone()

    def set_class_counts(self, counts: Counts) -> None:
        """Take the training counts (C,); everything derived follows."""
        self.class_counts = as_counts(counts, allow_empty=self.allow_empty).to(self.class_counts)
        self.derive()

    def derive(self):
        """Recompute what follows from ``class_counts``, as non-persistent buffers."""

    def check_counts(self, num_classes: int | None = None) -> None:
        """Raise if no counts were set, or another number than ``num_classes``. Reads shapes only."""
        if not self.class_counts.numel():
            raise RuntimeError(f'{type(self).__name__} has no class counts; pass class_counts=[...] or a json path, '
                               'call set_class_counts, or add dict(type="ClassCountsHook") to custom_hooks')
        if num_classes is not None and num_classes != self.class_counts.numel():
            raise ValueError(f'{type(self).__name__} has counts of {self.class_counts.numel()} classes, the '
                             f'{self.counted} have {num_classes}; the head and the data set disagree on the number of '
                             'classes')

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
        key = prefix + 'class_counts'
        loaded = state_dict.get(key)
        if loaded is None or not loaded.numel():
            state_dict = {**state_dict, key: self.class_counts}
        else:
            loaded = as_counts(loaded, allow_empty=self.allow_empty)
            if loaded.shape != self.class_counts.shape:
                self.class_counts = self.class_counts.new_empty(loaded.shape)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)
        if self.class_counts.numel():
            self.derive()


def log_prior(counts: Tensor) -> Tensor:
    """(C,) -> (C,): log pi."""
    check_shape('counts', counts, '(C,)')
    return counts.log() - counts.sum().log()


def inverse_weights(counts: Tensor) -> Tensor:
    """(C,) -> (C,): weights proportional to 1 / n, sum C."""
    check_shape('counts', counts, '(C,)')
    return _sum_to_c(1 / counts)


def effective_weights(counts: Tensor, beta: float = 0.9999) -> Tensor:
    """(C,) -> (C,): weights proportional to (1 - beta) / (1 - beta^n), sum C. Cui et al., CVPR 2019, arXiv:1901.05555.

    ``beta=0`` gives ones, ``beta=1`` is the limit 1 / n.
    """
    check_shape('counts', counts, '(C,)')
    if not 0 <= beta <= 1:
        raise ValueError(f'beta must lie in [0, 1], got {beta}')
    if beta in (0, 1):
        return _sum_to_c(1 / counts**beta)
    return _sum_to_c(-1 / torch.expm1(counts * math.log(beta)))


def _sum_to_c(weights):
    return weights * (len(weights) / weights.sum())


def rarest(counts: Tensor, number: int) -> Tensor:
    """(C,) -> (C,) of bools: the ``number`` classes of least images; of equal counts, the last ones."""
    rare = torch.ones_like(counts, dtype=torch.bool)
    rare[counts.argsort(descending=True, stable=True)[:len(counts) - number]] = False
    return rare


def shot_groups(counts: Tensor, many: float = 100, few: float = 20):
    """(C,) -> {'many': mask (C,), 'medium': ..., 'few': ...}: n > many, between, n < few."""
    check_tensor('counts', counts)
    many, few = float(many), float(few)  # of any size, which torch takes no integer of
    return {'many': counts > many, 'medium': (counts <= many) & (counts >= few), 'few': counts < few}
