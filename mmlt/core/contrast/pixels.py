"""Pixels to contrast.  N images, h x w pixels, P = N h w, C classes."""
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def balanced_pixels(labels: Tensor, number: int, generator: torch.Generator,
                    ignore_index: int = 255) -> Tensor:
    """(N, h, w) -> places (M,) in the flat map, M = min(number, P): as many of each class as there are, at random.

    No shape depends on the labels. Where fewer pixels count, the first choice stands in for the rest, which is an
    ignored pixel only if all are.
    """
    labels = labels.flatten()
    order = torch.randperm(len(labels), generator=generator).to(labels.device, non_blocking=True)
    order = order[labels[order].argsort(stable=True)]
    own = labels[order]
    rank = torch.arange(len(own), device=own.device) - torch.searchsorted(own, own)
    rank += (own == ignore_index) * len(own)
    chosen = order[rank.argsort(stable=True)[:number]]
    return torch.where(labels[chosen] == ignore_index, chosen[0], chosen)


def resize_labels(labels: Tensor, size: Sequence[int]) -> Tensor:
    """(N, H, W) -> (N, h, w), the nearest pixel's."""
    return F.interpolate(labels[:, None].float(), size, mode='nearest')[:, 0].long()
