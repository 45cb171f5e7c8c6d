"""Margin calibration.  N batch, D in_features, C out_features."""
import torch
from torch import Tensor, nn

from .base import LinearClassifier


class MARCLinear(LinearClassifier):
    """Margin calibration: ``z = a * (W x + b) + m * |w|`` where only the C scales a and the C margins m train, |w| the
    norms of W's rows. Wang et al., ACML 2022, arXiv:2112.07225.

    The distance of an image to a class's boundary is W x over |w|: m is a shift of that distance. ``logit_scale`` (C,)
    is a, ``margin`` (C,) m. The loss to go with it is ``GeneralizedReweightLoss`` on the data as it is.

    Args:
        freeze (bool): W and b take no gradient.

    >>> layer = MARCLinear(2, 3)
    >>> [name for name, p in layer.named_parameters() if p.requires_grad]
    ['logit_scale', 'margin']
    """

    def __init__(self, in_features: int, out_features: int, freeze: bool = True, dim: int = -1):
        super().__init__(in_features, out_features, dim=dim)
        self.weight.requires_grad_(not freeze)
        self.bias.requires_grad_(not freeze)
        self.logit_scale = nn.Parameter(torch.ones(out_features))
        self.margin = nn.Parameter(torch.zeros(out_features))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.ones_(self.logit_scale)
        nn.init.zeros_(self.margin)

    def logits(self, x: Tensor) -> Tensor:
        shift = self.margin * self.weight.detach().norm(dim=1)
        return self.logit_scale * self.linear(x, self.weight, self.bias) + shift
