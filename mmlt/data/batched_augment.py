"""AutoAugment and RandAugment of a whole batch.  B images, b of them that get one operation, C x H x W pixels, T
transforms.

An operation takes uint8 images (b, C, H, W), a float64 value an image (b,) on the host, and the framework's transform;
it gives what MMCV gives for each image: to the bit, but for a bicubic or bilinear warp (one level of 255) and what a
GPU rounds otherwise.
"""
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def beside(x: Tensor, images: Tensor):
    """What was computed on the host, on the images' device, which does not stop for it."""
    return x.to(images.device, non_blocking=True)


class AutoAugment:
    """MMPretrain's ``AutoAugment``: one of the policies, then each of its operations with its probability."""

    follows = False

    def __init__(self, transform: Any):
        policies = [policy.transforms for policy in transform.transforms]
        self.ops = Operations([op for policy in policies for op in policy])
        self.length = max(map(len, policies))
        first = np.cumsum([0, *map(len, policies)])
        self.table = torch.tensor([[first[i] + j if j < len(policy) else -1 for j in range(self.length)]
                                   for i, policy in enumerate(policies)])
        self.ends = torch.as_tensor(np.cumsum(transform.prob or [1 / len(policies)] * len(policies)))
        self.draws = 1 + self.length * Operations.draws

    def __call__(self, images: Tensor, u: Tensor, pad_val: Any = None):
        policy = torch.searchsorted(self.ends, u[:, 0].contiguous(), right=True).clamp(max=len(self.ends) - 1)
        for which, draws in zip(self.table[policy].T, u[:, 1:].split(Operations.draws, 1)):
            images = self.ops(images, which, draws)
        return images


class RandAugment:
    """MMPretrain's ``RandAugment``: ``num_policies`` of the transforms, drawn with replacement."""

    follows = False

    def __init__(self, transform: Any):
        self.ops, self.length = Operations(transform.transforms), transform.num_policies
        self.draws = self.length * (1 + Operations.draws)

    def __call__(self, images: Tensor, u: Tensor, pad_val: Any = None):
        for draws in u.split(1 + Operations.draws, 1):
            images = self.ops(images, (draws[:, 0] * len(self.ops)).long(), draws[:, 1:])
        return images


class Operations:
    """The transforms of a policy, an image each its own.

    Args:
        transforms (list): MMPretrain's.

    Raises:
        ValueError: a transform that is none of :data:`KINDS`, or an interpolation that has no batched form.
    """

    draws = 3  # whether, how strong, of which sign

    def __init__(self, transforms: Any):
        for transform in transforms:
            name, how = type(transform).__name__, getattr(transform, 'interpolation', 'nearest')
            if name not in KINDS or how not in ('nearest', 'bilinear', 'bicubic'):
                raise ValueError(name if name not in KINDS else f'{name}(interpolation={how!r})')
        alike: dict[Any, int] = {}  # transforms that differ in their values alone run together
        self.group = torch.tensor([alike.setdefault(_likeness(t), len(alike)) for t in transforms])
        self.first = [transforms[int((self.group == i).nonzero()[0])] for i in range(len(alike))]
        self.settings = torch.tensor([_settings(t) for t in transforms], dtype=torch.float64).T.contiguous()

    def __len__(self):
        return len(self.group)

    def __call__(self, images: Tensor, which: Tensor, u: Tensor):
        """``which`` (B,) transform or -1, on the host, as the draws u (B, 3)."""
        prob, low, high, level, std, total, negative = self.settings[:, which]
        drawn = (which >= 0) & (u[:, 0] <= prob)
        noisy = (level + std * torch.special.ndtri(u[:, 1])).clamp(min=0).minimum(total)
        level = torch.where(std > 0, torch.where(std.isinf(), level * u[:, 1], noisy), level)
        value = level / total * (high - low) + low
        value = torch.where(u[:, 2] < negative, -value, value)
        out = images.clone()
        for i, transform in enumerate(self.first):
            rows = (drawn & (self.group[which] == i)).nonzero()[:, 0]
            if len(rows):
                at = beside(rows, images)
                out[at] = KINDS[type(transform).__name__](images[at], value[rows], transform)
        return out


def _settings(t):
    """prob, the range's ends, level, its deviation, the level of full strength, probability of a negative value."""
    name = {'Rotate': 'angle', 'Posterize': 'bits', 'Solarize': 'thr'}.get(type(t).__name__, 'magnitude')
    value = getattr(t, name, None)
    ends = (t.magnitude_range or (0, 0)) if value is None else (value, value)
    return [t.prob, *ends, t.magnitude_level, float(t.magnitude_std), t.total_level, t.random_negative_prob]


def _likeness(t):
    names = 'direction', 'interpolation', 'pad_val', 'center', 'scale'
    own = {'SolarizeAdd': ('thr',)}.get(type(t).__name__, ())
    return type(t).__name__, *(repr(getattr(t, name, None)) for name in (*names, *own))


# ---- geometry

def _matrices(*rows):
    """Six numbers or (b,) each -> (b, 2, 3) float64, from input to output coordinates."""
    return torch.stack(torch.broadcast_tensors(*(torch.as_tensor(x, dtype=torch.float64) for x in rows)), -1
                       ).unflatten(-1, (2, 3))


def _rotate(images, value, t):
    height, width = images.shape[2:]
    x, y = t.center or ((width - 1) * 0.5, (height - 1) * 0.5)
    a = t.scale * torch.cos(torch.deg2rad(-value))
    b = t.scale * torch.sin(torch.deg2rad(-value))
    return _warp(images, _matrices(a, b, (1 - a) * x - b * y, -b, a, b * x + (1 - a) * y), t)


def _shear(images, value, t):
    value = value.float()
    m = _matrices(1, value, 0, 0, 1, 0) if t.direction == 'horizontal' else _matrices(1, 0, 0, value, 1, 0)
    return _warp(images, m, t)


def _translate(images, value, t):
    across = t.direction == 'horizontal'
    offset = (value * images.shape[3 if across else 2]).float()
    m = _matrices(1, 0, offset, 0, 1, 0) if across else _matrices(1, 0, 0, 0, 1, offset)
    return _warp(images, m, t)


def _warp(images, matrices, t):
    """As OpenCV, whose coordinates are fixed-point: 1/1024 of a pixel, and 1/32 where it interpolates."""
    pad_val = t.pad_val
    if not isinstance(pad_val, Sequence):  # imrotate hands it on, and OpenCV takes a number for the first channel's
        pad_val = [pad_val] * 3 if type(t).__name__ != 'Rotate' else [pad_val, 0, 0]
    channels, height, width = images.shape[1:]
    (a, b, e), (c, d, f) = matrices[:, 0].T, matrices[:, 1].T
    scale = 1 / (a * d - b * c)
    a, b, c, d = d * scale, -b * scale, -c * scale, a * scale
    e, f = -a * e - b * f, -c * e - d * f
    ys, xs = torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64)

    def fixed(slope_x, slope_y, begin):  # (b, H, W)
        rows = ((slope_y[:, None] * ys + begin[:, None]) * 1024).round().long()
        return rows[:, :, None] + (slope_x[:, None] * xs * 1024).round().long()[:, None]

    x, y = (beside(fixed(*line), images) for line in ((a, b, e), (c, d, f)))
    fill = beside(torch.tensor(pad_val, dtype=torch.float32), images).view(-1, 1, 1)
    if t.interpolation == 'nearest':
        x, y = (x + 512) >> 10, (y + 512) >> 10
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        place = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten(1)[:, None].expand(-1, channels, -1)
        out = images.flatten(2).gather(2, place).view_as(images)
        return torch.where(inside[:, None], out, fill.to(torch.uint8))
    x, y = ((x + 16) >> 5) / 32, ((y + 16) >> 5) / 32
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).float()
    out = F.grid_sample(images.float() - fill, grid, t.interpolation, 'zeros', align_corners=False) + fill
    return out.round().clamp(0, 255).to(torch.uint8)


# ---- levels

def _per_image(value, images):
    return beside(value, images).view(-1, 1, 1, 1)


def _invert(images, value, t):
    return 255 - images


def _solarize(images, value, t):
    return torch.where(images < _per_image(value, images), images, 255 - images)


def _solarize_add(images, value, t):
    return torch.where(images < t.thr, (images + _per_image(value, images)).clamp(max=255).to(torch.uint8), images)


def _posterize(images, value, t):
    kept = 256 - 2 ** (8 - value.ceil()).clamp(0, 8)
    return images & _per_image(kept, images).to(torch.uint8)


def _histogram(images):
    """-> (b, C, 256)."""
    levels = images.flatten(2).long()
    return levels.new_zeros(*images.shape[:2], 256).scatter_add_(2, levels, torch.ones_like(levels))


def _look_up(images, table):
    return table.to(torch.uint8).gather(2, images.flatten(2).long()).view_as(images)


def _auto_contrast(images, value, t):
    levels = torch.arange(256., dtype=torch.float64, device=images.device)
    low, high = (f(images.flatten(2), -1, keepdim=True).double() for f in (torch.amin, torch.amax))
    scale = torch.full_like(low, 255) / (high - low).clamp(min=1)  # 255 / x is a product in torch, rounded twice
    return torch.where((low < high)[..., None], _look_up(images, (levels * scale - low * scale).clamp(0, 255)), images)


def _equalize(images, value, t):
    counts = _histogram(images)
    levels = torch.arange(256, device=images.device)
    last = counts.gather(2, (levels * (counts > 0)).amax(-1, keepdim=True))
    step = (counts.sum(-1, keepdim=True) - last) // 255
    table = F.pad((counts.cumsum(-1) + step // 2) // step.clamp(min=1), (1, -1)).clamp(max=255)
    return torch.where((step > 0)[..., None], _look_up(images, table), images)


# ---- blends

def _gray(images):
    """(b, 3, H, W) in MMCV's order, blue first -> (b, 1, H, W)."""
    weights = beside(torch.tensor([3735, 19235, 9798]), images).view(1, 3, 1, 1)
    return ((images * weights).sum(1, keepdim=True) + 2 ** 14) >> 15


def _blend(images, other, value):
    """Each image by its factor and the other by what is left; as there, in float32 levels that lose their fraction."""
    share = _per_image(1 + value, images)
    return (images * share + other * (1 - share)).float().clamp(0, 255).to(torch.uint8)


def _brightness(images, value, t):
    return _blend(images, 0, value)


def _contrast(images, value, t):
    mean = _gray(images).double().mean((1, 2, 3), keepdim=True).round()
    return _blend(images, mean, value)


def _color(images, value, t):
    share, rest = (_per_image(x.float().double(), images) for x in (1 + value, -value))  # levels are bytes here:
    gray = (_gray(images) * rest).float().double()  # OpenCV takes float32 factors and rounds the sum once
    return (images * share + gray).float().round().clamp(0, 255).to(torch.uint8)


def _sharpness(images, value, t):
    kernel = images.new_ones(images.shape[1], 1, 3, 3, dtype=torch.float32)
    kernel[..., 1, 1] = 5
    padded = F.pad(images.float(), (1, 1, 1, 1), 'reflect')
    smooth = (F.conv2d(padded, kernel, groups=images.shape[1]) / 13).round()
    return _blend(images, smooth, value)


KINDS = dict(Rotate=_rotate, Shear=_shear, Translate=_translate, Invert=_invert, Solarize=_solarize,
             SolarizeAdd=_solarize_add, Posterize=_posterize, AutoContrast=_auto_contrast, Equalize=_equalize,
             Brightness=_brightness, Contrast=_contrast, ColorTransform=_color, Sharpness=_sharpness)
