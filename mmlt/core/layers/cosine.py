"""Cosine classifiers.  N batch, D in_features, C out_features."""
import math

import torch
from torch import Tensor, nn

from ..checks import check_range
from ..dist import class_sums
from ..precision import unit
from .base import LinearClassifier

MAX_SCALE = 1000.0


def squash(x: Tensor) -> Tensor:
    """(..., D) -> (..., D): x / (1 + |x|), OLTR's feature norm."""
    return x / (1 + torch.linalg.vector_norm(x, dim=-1, keepdim=True))


FEAT_NORMS = {'l2': unit, 'squash': squash, 'none': lambda x: x}


class CosineLinear(LinearClassifier):
    """Cosine classifier: ``z_c = scale * norm(x) . w_c / |w_c| (+ b_c)``.

    ``feat_norm='l2'`` is the cosine proper (LDAM, RIDE, BCL, LIFT); ``'squash'`` is OLTR's, the feature's norm
    squashed to [0, 1) (Liu et al., CVPR 2019, arXiv:1904.05160; with ``scale=16``); ``'none'`` leaves the feature as
    it is. A loss that multiplies by its own scale (``LDAMLoss(logits_scaled=False)``) wants ``scale=1`` here.
    Rows start as those of ``nn.Linear``, about 0.58 long, those of LDAM's code at length 1: the logits are the same, a
    step of SGD turns the shorter rows further. Float32 under autocast.

    Args:
        scale (float): the inverse temperature.
        learn_scale (bool): train it, as ``log_scale`` (1,), from ``scale``, and never above 1000. It has one dimension:
            ``paramwise_cfg=dict(flat_decay_mult=0)`` keeps weight decay off it.
        feat_norm (str): ``'l2'``, ``'squash'`` or ``'none'``.

    Raises:
        ValueError: ``feat_norm`` is none of these, or ``scale`` is not positive, or above 1000 and to be learnt.

    >>> layer = CosineLinear(2, 2)
    >>> _ = layer.load_state_dict({'weight': torch.tensor([[1., 0.], [0., 2.]])})
    >>> layer(torch.tensor([[3., 4.]])).tolist()
    [[18.0, 24.0]]
    """
    full_precision = True

    def __init__(self, in_features: int, out_features: int, scale: float = 30.0, learn_scale: bool = False,
                 bias: bool = False, feat_norm: str = 'l2', dim: int = -1):
        super().__init__(in_features, out_features, bias, dim)
        if feat_norm not in FEAT_NORMS:
            raise ValueError(f'feat_norm must be one of {", ".join(FEAT_NORMS)}, got {feat_norm!r}')
        check_range(self, f'(0, {MAX_SCALE:g}]' if learn_scale else '(0, inf)', scale=scale)
        self.start_scale = scale
        self.feat_norm = feat_norm
        self.log_scale = nn.Parameter(torch.full((1,), math.log(scale))) if learn_scale else None

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.log_scale is not None:
            nn.init.constant_(self.log_scale, math.log(self.start_scale))

    @property
    def scale(self):
        """The inverse temperature in use."""
        if self.log_scale is None:
            return self.start_scale
        return self.log_scale.clamp(max=math.log(MAX_SCALE)).exp()

    @torch.no_grad()
    def fit(self, features: Tensor, labels: Tensor) -> None:
        """(N, D), (N,): each row becomes the mean of its class's unit features, LIFT's start; a class without one keeps
        its row. Every rank brings its share and all get the same. ``FitClassifierHook`` calls it."""
        sums, number = class_sums(unit(features).to(self.weight), labels, self.out_features)
        seen = number > 0
        self.weight[seen] = unit(sums[seen]).to(self.weight)

    def logits(self, x: Tensor) -> Tensor:
        logits = self.scale * self.linear(FEAT_NORMS[self.feat_norm](x), unit(self.weight))
        return logits if self.bias is None else logits + self.bias
