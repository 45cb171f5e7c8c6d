"""Distribution alignment beside a background.  N RoIs, D in_features, C classes."""
import torch
from torch import nn

from ..core import layers


class DisAlignLinear(layers.DisAlignLinear):
    """Distribution alignment of the classes; the background's logit passes as it is, bit for bit. Zhang et al., CVPR
    2021, arXiv:2103.16370. ``logit_scale`` and ``logit_bias`` are (C,).

    Args:
        background (int): the last outputs, which are no classes: 1, or 2 with MMDetection's ``SeesawLoss``.

    >>> DisAlignLinear(8, 4).logit_scale.shape
    torch.Size([3])
    """

    def __init__(self, in_features, out_features, parametrization='interp', background=1, **kwargs):
        super().__init__(in_features, out_features, parametrization, **kwargs)
        self.classes = out_features - background
        self.logit_scale = nn.Parameter(self.logit_scale.data[:self.classes].clone())
        self.logit_bias = nn.Parameter(self.logit_bias.data[:self.classes].clone())

    def align(self, x, logits):
        classes, rest = logits[..., :self.classes], logits[..., self.classes:]
        return torch.cat([super().align(x, classes), rest], -1)
