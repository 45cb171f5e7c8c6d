"""Learnable weight scaling.  N batch, D in_features, C out_features."""
import torch
from torch import Tensor, nn

from .base import LinearClassifier


class LWSLinear(LinearClassifier):
    """Learnable weight scaling: ``z = f * (W x + b)`` where only f, the C ``scales``, train. Kang et al., ICLR 2020,
    arXiv:1910.09217. The paper scales the weight alone (``scale_bias=False``), its code the bias, too.

    MiSLAS's LWS-plus (Zhong et al., CVPR 2021, arXiv:2104.00466) is ``freeze=False`` with a smaller learning rate for
    W and b: ``paramwise_cfg=dict(custom_keys={'head.fc.weight': dict(lr_mult=0.2), ...})``. Weight decay pulls the
    scales to 0, not to 1.

    Args:
        scale_bias (bool): ``f * (W x + b)``, else ``f * W x + b``.
        freeze (bool): W and b take no gradient.

    >>> layer = LWSLinear(2, 3)
    >>> [name for name, p in layer.named_parameters() if p.requires_grad]
    ['scales']
    """

    def __init__(self, in_features: int, out_features: int, scale_bias: bool = True, freeze: bool = True,
                 dim: int = -1):
        super().__init__(in_features, out_features, dim=dim)
        self.scale_bias = scale_bias
        self.scales = nn.Parameter(torch.ones(out_features))
        self.weight.requires_grad_(not freeze)
        self.bias.requires_grad_(not freeze)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.ones_(self.scales)

    def logits(self, x: Tensor) -> Tensor:
        if self.scale_bias:
            return self.scales * self.linear(x, self.weight, self.bias)
        return self.scales * self.linear(x, self.weight) + self.bias
