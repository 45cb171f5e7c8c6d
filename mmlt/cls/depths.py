"""Experts that read the stages of one trunk.  E experts, N images, D channels; stages 1 to L."""
import re

from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn

from .multi_expert import ExpertStages, PlainInBackbone, check_experts


class LastStages(ExpertStages):
    """The last stage, once an expert: the tuple of their maps."""

    def forward(self, x):
        return tuple(stage(x) for stage in self)


class DepthExperts(PlainInBackbone, BaseModule):
    """A backbone with a last stage an expert, whose map is multiplied by one that strided convolutions make of the
    map of an earlier stage: of the first for the first expert, and so on, in turn. Jin et al., SHIKE, CVPR 2023,
    arXiv:2304.01279.

    Each convolution halves the map and doubles its channels; as in the released code, a ReLU follows all but the
    second. The weights of a plain network load into the backbone, those of its last stage into each expert.

    Args:
        backbone (dict): config of a backbone of stages ``layer1``, ``layer2``, ..., as ``ResNetCIFAR32`` or
            MMPretrain's ``ResNet``; each stage halves the map and doubles the channels.
        channels (int): D, of its last map.
        num_experts (int): E, 2 or more.

    Returns E maps, (N, D, H, W) each.

    Raises:
        ValueError: a backbone without such stages.

    >>> import torch
    >>> model = DepthExperts(dict(type='ResNetCIFAR32', depth=8), channels=64)
    >>> [tuple(f.shape) for f in model(torch.zeros(2, 3, 32, 32))]
    [(2, 64, 8, 8), (2, 64, 8, 8), (2, 64, 8, 8)]
    """

    def __init__(self, backbone, channels, num_experts=3):
        check_experts(self, num_experts)
        super().__init__(dict(type='Kaiming', layer='Conv2d', mode='fan_in', nonlinearity='relu'))
        self.num_experts = num_experts
        self.backbone, *others = (MODELS.build(backbone) for _ in range(num_experts))
        stages = [name for name, _ in self.backbone.named_children() if re.fullmatch(r'layer\d+', name)]
        if len(stages) < 2:
            raise ValueError(f'DepthExperts reads layer1, layer2, ... of a backbone, {backbone["type"]} has '
                             f'{len(stages)} such stages; take a ResNet')
        last = stages[-1]
        setattr(self.backbone, last, LastStages(getattr(net, last) for net in (self.backbone, *others)))
        self.backbone.out_indices = tuple(range(len(stages)))
        depths = [len(stages) - 1 - e % (len(stages) - 1) for e in range(num_experts)]
        self.reductions = nn.ModuleList(reduction(channels, depth) for depth in depths)

    def forward(self, x):
        *maps, last = self.backbone(x)
        return tuple(own * reduce(maps[e % len(maps)]) for e, (own, reduce) in enumerate(zip(last, self.reductions)))


def reduction(channels, depth):
    """(N, D / 2^depth, 2^depth H, 2^depth W) -> (N, D, H, W)."""
    layers = []
    for step in range(depth):
        width = channels // 2**(depth - step)
        layers += [nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False), nn.BatchNorm2d(2 * width)]
        layers += [] if step == 1 else [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
