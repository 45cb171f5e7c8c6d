"""The random transforms of contrast's views, of a whole batch.  B images, C x H x W pixels.

Colours are in the framework's order, blue first. What comes out is the framework's to the bit, but for the resized
crop (one level of 255).
"""
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .draws import beside


class RandomResizedCrop:
    """MMPretrain's: a window of random area and aspect ratio, resized by bilinear interpolation.

    Raises:
        ValueError: another interpolation or backend than OpenCV's bilinear.
    """

    follows = False

    def __init__(self, transform: Any):
        if transform.interpolation != 'bilinear' or transform.backend != 'cv2':
            raise ValueError(f'RandomResizedCrop(interpolation={transform.interpolation!r}, '
                             f'backend={transform.backend!r})')
        self.transform, self.draws = transform, 2 * transform.max_attempts + 2

    def windows(self, size: Sequence[int], u: Tensor):
        """Of images of this height and width, (B, draws) -> top, left, height, width (B,) each: the first attempt
        that fits, or the largest window in the middle."""
        height, width = size
        t, attempts = self.transform, self.transform.max_attempts
        low, high = t.crop_ratio_range
        narrow, wide = t.aspect_ratio_range
        area = (low + (high - low) * u[:, :attempts]) * height * width
        ratio = (math.log(narrow) + (math.log(wide) - math.log(narrow)) * u[:, attempts:2 * attempts]).exp()
        w, h = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
        fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
        shape = width / height
        w = torch.cat([w, w.new_full((len(u), 1), round(height * wide) if shape > wide else width)], 1)
        h = torch.cat([h, h.new_full((len(u), 1), round(width / narrow) if shape < narrow else height)], 1)
        first = torch.cat([fits, fits.new_ones(len(u), 1)], 1).long().argmax(1, keepdim=True)
        w, h = w.gather(1, first)[:, 0], h.gather(1, first)[:, 0]
        found = first[:, 0] < attempts
        top = torch.where(found, (u[:, -2] * (height - h + 1)).long(), (height - h) // 2)
        left = torch.where(found, (u[:, -1] * (width - w + 1)).long(), (width - w) // 2)
        return top, left, h, w

    def __call__(self, images: Tensor, u: Tensor, pad_val: Any = None):
        top, left, height, width = self.windows(images.shape[2:], u)
        lines = []
        for begin, length, out, whole in zip((top, left), (height, width), self.transform.scale, images.shape[2:]):
            at = (torch.arange(out, dtype=torch.float64) + 0.5) * (length[:, None] / out) - 0.5
            at = begin[:, None] + at.clamp(min=0).minimum(length[:, None] - 1.)
            lines.append(beside(((2 * at + 1) / whole - 1).float(), images))
        y, x = lines
        grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1)
        out = F.grid_sample(images.float(), grid, 'bilinear', 'border', align_corners=False)
        return out.round().clamp(0, 255).to(torch.uint8)


class RandomGrayscale:
    """MMCV's, which keeps the channels: the weighted mean of blue, green and red.

    Raises:
        ValueError: without ``keep_channels``, or in another colour format.
    """

    draws, follows = 1, True

    def __init__(self, transform: Any):
        if not transform.keep_channels or transform.color_format != 'bgr':
            raise ValueError(f'RandomGrayscale(keep_channels={transform.keep_channels}, '
                             f'color_format={transform.color_format!r})')
        weights = torch.tensor(transform.channel_weights, dtype=torch.float64)
        self.prob, self.weights = transform.prob, (weights / weights.sum()).tolist()

    def __call__(self, images: Tensor, u: Tensor, pad_val: Any = None):
        if pad_val is not None:
            return images
        gray = sum(weight * channel for weight, channel in zip(self.weights, images.double().unbind(1)))
        drawn = beside(u.view(-1, 1, 1, 1) < self.prob, images)
        return torch.where(drawn, gray.to(torch.uint8)[:, None], images)


class ColorJitter:
    """MMPretrain's: brightness, contrast, saturation and hue, in a random order.

    Raises:
        ValueError: another backend than Pillow.
    """

    follows = True

    def __init__(self, transform: Any):
        if transform.backend != 'pillow':
            raise ValueError(f'ColorJitter(backend={transform.backend!r})')
        ranges = transform.brightness, transform.contrast, transform.saturation, transform.hue
        self.parts = [(i, part) for i, part in enumerate(ranges) if part is not None]
        self.draws = 2 * len(self.parts)  # a value and a rank in the order

    def __call__(self, images: Tensor, u: Tensor, pad_val: Any = None):
        if pad_val is not None:
            return images
        order, values = u[:, 1::2].argsort(1), u[:, ::2]
        for turn in range(len(self.parts)):
            out = images.clone()
            for column, (kind, (low, high)) in enumerate(self.parts):
                rows = (order[:, turn] == column).nonzero()[:, 0]
                if len(rows):
                    at, value = beside(rows, images), low + (high - low) * values[rows, column]
                    out[at] = JITTERS[kind](images[at], beside(value, images).view(-1, 1, 1, 1))
            images = out
        return images


def _luma(images):
    """(b, 3, H, W), blue first -> (b, 1, H, W): Pillow's L."""
    blue, green, red = images.long().unbind(1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 2 ** 15) >> 16)[:, None]


def _blend(other, images, value):
    """Pillow's: other + value (image - other) in float32, without the fraction."""
    return (other + value.float() * (images.float() - other)).clamp(0, 255).to(torch.uint8)


def _brightness(images, value):
    return _blend(0, images, value)


def _contrast(images, value):
    return _blend((_luma(images).double().mean((1, 2, 3), keepdim=True) + 0.5).floor().float(), images, value)


def _saturation(images, value):
    return _blend(_luma(images).float(), images, value)


def _hue(images, value):
    """By Pillow's HSV, whose three numbers are bytes."""
    blue, green, red = images.float().unbind(1)
    top, low = images.amax(1).float(), images.amin(1).float()
    spread = (top - low).clamp(min=1)
    b, g, r = (((top - x) / spread).double() for x in (blue, green, red))
    h = torch.where(red == top, b - g, torch.where(green == top, 2 + r - b, 4 + g - r)).float()
    h = torch.remainder(h.double() / 6 + 1, 1).float()
    h = torch.where(top == low, 0, (h.double() * 255).long())
    s = torch.where(top == low, 0, ((top - low) / top.clamp(min=1)).double() * 255).long()
    h = (h + (value * 255).trunc().long()[:, 0]) % 256
    place, s = h.double() * 6 / 255, s.double() / 255
    sector = place.floor()
    f, top = place - sector, top.double()
    p, q, t = (_round(top * (1 - x)) for x in (s, s * f, s * (1 - f)))
    v, sector = top.long(), sector.long() % 6
    choose = lambda *of: torch.stack(of, 1).gather(1, sector[:, None])[:, 0]  # noqa: E731
    out = torch.stack([choose(p, p, t, v, v, q), choose(t, v, v, q, p, p), choose(v, q, p, p, t, v)], 1)
    return out.clamp(0, 255).to(torch.uint8)


def _round(x):
    return (x + 0.5).floor().long()  # halves away from zero, as C


JITTERS = _brightness, _contrast, _saturation, _hue
