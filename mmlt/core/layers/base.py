"""What the classifier layers share.

N batch, D in_features, C out_features (classes), R rows of the weight: C, unless the layer widens itself.
"""
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_integer, check_tensor
from ..precision import at_least_float32, no_autocast


class ClassifierLayer(nn.Module):
    """A layer that stands where ``nn.Linear(in_features, out_features)`` stood: features in, logits out.

    No subclass of ``nn.Linear``, so an ``init_cfg`` with ``layer='Linear'`` leaves it alone. A linear layer's state
    dict loads strictly: conv weights (C, D, 1, 1) and weights stored as (D, C) are brought into (C, D) (with C = D the
    weight is taken as (C, D)), a bias that the layer has no use for is dropped, a missing one counts as zero, and
    whatever else the layer holds keeps its value.

    Args:
        dim (int): where the features lie; -1 for (..., D), 1 for (N, D, H, W).
    """
    full_precision = False  # compute in float32 under autocast
    if TYPE_CHECKING:  # a buffer is a tensor; Module says Tensor | Module

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, in_features: int, out_features: int, dim: int = -1):
        check_integer(self, 1, in_features=in_features, out_features=out_features)
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        check_tensor('x', x)
        if not x.ndim or x.ndim <= self.dim:
            raise ValueError(f'{type(self).__name__}: x has shape {tuple(x.shape)}, expected its features in dimension '
                             f'{self.dim}')
        if x.size(self.dim) != self.in_features:
            raise ValueError(f'{type(self).__name__} has in_features={self.in_features}, the features have '
                             f'{x.size(self.dim)} in dimension {self.dim} of {tuple(x.shape)}')
        x = x.movedim(self.dim, -1)
        if self.full_precision:
            with no_autocast(x):
                logits = self.logits(at_least_float32(x))
        else:
            logits = self.logits(x)
        return logits.movedim(-1, self.dim)

    def logits(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., C)."""
        raise NotImplementedError

    def _load_from_state_dict(self, state_dict, prefix, *args):
        self.adapt(state_dict, prefix)
        own = self.state_dict(prefix=prefix)
        for key in own.keys() - {prefix + 'weight', prefix + 'bias'}:
            state_dict.setdefault(key, own[key])
        super()._load_from_state_dict(state_dict, prefix, *args)

    def adapt(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Bring a linear layer's weight and bias into this layer's form, in place."""
        state_dict.pop(prefix + 'weight', None)
        state_dict.pop(prefix + 'bias', None)

    def extra_repr(self):
        return f'in_features={self.in_features}, out_features={self.out_features}'


class LinearClassifier(ClassifierLayer):
    """``x W^T + b`` with W (R, D), b (R,), initialised as ``nn.Linear`` is."""
    class_rows = slice(None)  # the rows of the C classes

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dim: int = -1, rows: int | None = None):
        super().__init__(in_features, out_features, dim)
        rows = out_features if rows is None else rows
        self.weight = nn.Parameter(torch.empty(rows, in_features))
        self.bias = nn.Parameter(torch.empty(rows)) if bias else None
        LinearClassifier.reset_parameters(self)

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def logits(self, x: Tensor) -> Tensor:
        return self.linear(x, self.weight, self.bias)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """(..., D), (R, D), (R,) -> (..., R). Feature maps go through the 1x1 convolution that stood here."""
        if self.dim != 1 or x.ndim != 4:
            return F.linear(x, weight, bias)
        return F.conv2d(x.movedim(-1, 1), weight[..., None, None], bias).movedim(1, -1)

    def adapt(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        weight = state_dict.get(prefix + 'weight')
        if weight is not None:
            shapes = self.weight.shape, (self.out_features, self.in_features)
            weight = weight.flatten(1)
            if weight.shape not in shapes and weight.t().shape in shapes:
                weight = weight.t()
            state_dict[prefix + 'weight'] = self._widen(weight, self.weight)
        if self.bias is None:
            state_dict.pop(prefix + 'bias', None)
        elif weight is not None:
            bias = state_dict.get(prefix + 'bias', torch.zeros_like(self.bias))
            state_dict[prefix + 'bias'] = self._widen(bias, self.bias)

    def _widen(self, rows, own):
        if len(rows) == len(own) or len(rows) != self.out_features:
            return rows
        wide = own.detach().clone()
        wide[self.class_rows] = rows.to(wide)
        return wide
