"""Distribution alignment.  N batch, D in_features, C out_features."""
import torch
from torch import Tensor, nn

from .base import LinearClassifier


class Confidence(LinearClassifier):
    """(..., D) -> (..., 1): how far the aligned logits are trusted, in (0, 1)."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def logits(self, x: Tensor) -> Tensor:
        return super().logits(x).sigmoid()


class DisAlignLinear(LinearClassifier):
    """Distribution alignment of a frozen classifier. Zhang et al., CVPR 2021, arXiv:2103.16370.

    With z = W x + b frozen and the confidence s = sigmoid(v.x + u), both forms equal z at the start::

        'interp'    s (alpha z + beta) + (1 - s) z    alpha = 1, beta = 0 at the start (paper; detection code)
        'residual'  (1 + s alpha) z + s beta          alpha = 0, beta = 0 at the start

    (the released classification code is the second form with alpha = 1 and v = 0.1, which nearly doubles logits from
    the first step; here v starts from N(0, 0.01^2), as in the detection code).
    ``logit_scale`` (C,) is alpha, ``logit_bias`` (C,) beta, ``confidence_layer`` v and u; only they train. The loss to
    go with it is ``GeneralizedReweightLoss``.

    Args:
        parametrization (str): ``'interp'`` or ``'residual'``.
        freeze (bool): W and b take no gradient.

    Raises:
        ValueError: ``parametrization`` is neither.

    >>> layer = DisAlignLinear(4, 3)
    >>> sum(p.numel() for p in layer.parameters() if p.requires_grad) == 2 * 3 + 4 + 1
    True
    """

    def __init__(self, in_features: int, out_features: int, parametrization: str = 'interp', dim: int = -1,
                 freeze: bool = True):
        super().__init__(in_features, out_features, dim=dim)
        if parametrization not in ('interp', 'residual'):
            raise ValueError(f'parametrization must be interp or residual, got {parametrization!r}')
        self.identity = 1.0 if parametrization == 'interp' else 0.0
        self.weight.requires_grad_(not freeze)
        self.bias.requires_grad_(not freeze)
        self.logit_scale = nn.Parameter(torch.full((out_features,), self.identity))
        self.logit_bias = nn.Parameter(torch.zeros(out_features))
        self.confidence_layer = Confidence(in_features, 1, dim=dim)
        self.confidence_layer.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.confidence_layer.reset_parameters()
        nn.init.constant_(self.logit_scale, self.identity)
        nn.init.zeros_(self.logit_bias)

    def logits(self, x: Tensor) -> Tensor:
        return self.align(x, self.linear(x, self.weight, self.bias))

    def align(self, x: Tensor, logits: Tensor) -> Tensor:
        """(..., D), (..., C) -> (..., C)."""
        confidence = self.confidence_layer.logits(x)
        return (1 + confidence * (self.logit_scale - self.identity)) * logits + confidence * self.logit_bias
