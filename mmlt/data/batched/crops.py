"""Crops, flips and Cutout of a whole batch.  B images, C x H x W pixels."""
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .draws import beside, fill


class RandomCrop:
    """MMPretrain's ``RandomCrop``: pad by a constant, then cut a window at a uniform place."""

    draws, follows = 2, True

    def __init__(self, transform: Any):
        padding = transform.padding or 0
        padding = [padding] * 4 if isinstance(padding, int) else list(padding) * (4 // len(padding))
        self.left, self.top, self.right, self.bottom = padding
        self.size, self.pad_val = transform.crop_size, transform.pad_val
        if not isinstance(self.pad_val, Sequence):  # as OpenCV, which takes a number for the first channel's
            self.pad_val = (self.pad_val, 0, 0, 0)
        if transform.pad_if_needed:
            raise ValueError('RandomCrop(pad_if_needed=True)')

    def __call__(self, images: Tensor, u: Any, pad_val: Any = None):
        size, channels, h, w = images.shape
        padded = images.new_empty(size, channels, self.top + h + self.bottom, self.left + w + self.right)
        padded[:] = fill(images, self.pad_val[:channels] if pad_val is None else pad_val)
        padded[:, :, self.top:self.top + h, self.left:self.left + w] = images
        height, width = (min(a, b) for a, b in zip(self.size, padded.shape[2:]))
        y = (u[:, 0] * (padded.shape[2] - height + 1)).long()
        x = (u[:, 1] * (padded.shape[3] - width + 1)).long()
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)
        return windows[torch.arange(size, device=images.device), :, beside(y, images), beside(x, images)]


class RandomFlip:
    """MMCV's ``RandomFlip``: one of the directions, or none."""

    draws, follows = 1, True
    axes = {'horizontal': [3], 'vertical': [2], 'diagonal': [2, 3]}

    def __init__(self, transform: Any):
        several = not isinstance(transform.direction, str)
        self.directions = list(transform.direction) if several else [transform.direction]
        prob = transform.prob
        prob = list(prob) if isinstance(prob, Sequence) else [prob / len(self.directions)] * len(self.directions)
        self.ends = np.cumsum(prob).tolist()

    def __call__(self, images: Tensor, u: Any, pad_val: Any = None):
        flipped, begin = images, 0.
        for direction, end in zip(self.directions, self.ends):
            mask = beside(((begin <= u) & (u < end)).view(-1, 1, 1, 1), images)
            flipped, begin = torch.where(mask, images.flip(self.axes[direction]), flipped), end
        return flipped


class Cutout:
    """MMPretrain's ``Cutout`` with a given ``shape``: a rectangle around a uniform place becomes ``pad_val``."""

    draws, follows = 3, True

    def __init__(self, transform: Any):
        if transform.shape is None:
            raise ValueError('Cutout(magnitude_range=...)')
        self.shape = (transform.shape,) * 2 if isinstance(transform.shape, int) else transform.shape
        self.prob, self.pad_val = transform.prob, transform.pad_val

    def __call__(self, images: Tensor, u: Any, pad_val: Any = None):
        if pad_val is not None:  # a map stays
            return images
        inside = beside(u[:, 0].view(-1, 1, 1, 1) < self.prob, images)
        for axis, (centre, length) in enumerate(zip((u[:, 1:2], u[:, 2:3]), self.shape), 2):
            pixels = torch.arange(images.shape[axis], device=images.device)
            begin = beside((centre * images.shape[axis] - length / 2).clamp(min=0).long(), images)
            within = (begin <= pixels) & (pixels < begin + length)
            inside = inside & within.unflatten(1, (1, -1, 1) if axis == 2 else (1, 1, -1))
        return torch.where(inside, fill(images, self.pad_val), images)
