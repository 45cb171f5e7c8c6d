"""ResNet for 32 x 32 images, the backbone of the CIFAR tables. He et al., CVPR 2016, arXiv:1512.03385, section 4.2."""
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import nn


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions; a changed shape is matched by a parameter-free shortcut (option A)."""

    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.pad = stride, channels - in_channels

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        if self.stride > 1 or self.pad:
            x = x[:, :, ::self.stride, ::self.stride]
            x = F.pad(x, (0, 0, 0, 0, self.pad // 2, self.pad - self.pad // 2))
        return F.relu(out + x, inplace=True)


def make_stage(in_channels, channels, blocks, stride):
    """``blocks`` basic blocks, the first with ``stride``."""
    first = BasicBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))


class ResNetCIFAR32(BaseModule):
    """16-32-64 channels in three stages of (depth - 2) / 6 blocks each.

    Args:
        depth (int): 20, 32, 44, 56 or any 6 n + 2.
        in_channels (int): of the image.
        base_channels (int): of the first stage; the last has four times as many.
        out_indices (tuple[int]): stages to return, 0 to 2.

    Returns the maps of ``out_indices``, by default one of (N, 64, 8, 8) for (N, 3, 32, 32).

    Raises:
        ValueError: a depth that is not 6 n + 2.

    >>> [tuple(f.shape) for f in ResNetCIFAR32(depth=20)(torch.zeros(2, 3, 32, 32))]
    [(2, 64, 8, 8)]
    """

    def __init__(self, depth=32, in_channels=3, base_channels=16, out_indices=(2, ),
                 init_cfg=None):
        super().__init__(init_cfg or dict(type='Kaiming', layer='Conv2d', mode='fan_in', nonlinearity='relu'))
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f'depth must be 6 n + 2 (20, 32, 44, 56, ...), got {depth}')
        self.out_indices = out_indices
        self.conv1 = nn.Conv2d(in_channels, base_channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(base_channels)
        width = base_channels
        for stage in range(3):
            channels = base_channels * 2**stage
            setattr(self, f'layer{stage + 1}', make_stage(width, channels, blocks, 2 if stage else 1))
            width = channels

    def forward(self, x):
        x = x.contiguous(memory_format=torch.channels_last)  # a quarter faster on CPUs
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        outs = []
        for stage in range(3):
            x = getattr(self, f'layer{stage + 1}')(x)
            if stage in self.out_indices:
                outs.append(x)
        return tuple(outs)
