"""MMPretrain's operations on whole batches.  b images, C x H x W pixels.

Each takes uint8 images (b, C, H, W), a float64 value an image (b,) on the host, and the framework's transform; it gives
what MMCV gives for each image: to the bit, but for a bicubic or bilinear warp (one level of 255) and what a GPU rounds
otherwise.
"""
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from .draws import beside

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
    a, b, e, c, d, f = beside(matrices, images).flatten(1).T
    scale = 1 / (a * d - b * c)
    a, b, c, d = d * scale, -b * scale, -c * scale, a * scale
    e, f = -a * e - b * f, -c * e - d * f
    ys, xs = (torch.arange(size, dtype=torch.float64, device=images.device) for size in (height, width))

    def fixed(slope_x, slope_y, begin):  # (b, H, W)
        rows = ((slope_y[:, None] * ys + begin[:, None]) * 1024).round().long()
        return rows[:, :, None] + (slope_x[:, None] * xs * 1024).round().long()[:, None]

    x, y = fixed(a, b, e), fixed(c, d, f)
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


def _gaussian_blur(images, value, t):
    """Pillow's: three box filters of a fractional width along each axis, in bytes between them; its numbers are
    float32, its weights 24 bits."""
    sigma2 = value.float() ** 2 / 3
    whole = (((12 * sigma2.double() + 1).sqrt().float().double() - 1) / 2).floor().float()
    radius = whole + (2 * whole + 1) * (whole * (whole + 1) - 3 * sigma2) / (6 * (sigma2 - (whole + 1) ** 2))
    full = (2. ** 24 / (2 * radius + 1)).long()
    reach = radius.long()
    edge = (2 ** 24 - (2 * reach + 1) * full) // 2
    out = images.double()  # exact: the sums stay below 2^33
    for axis in (3, 2):
        size = images.shape[axis]
        bands = out.new_zeros(len(value), size, size)  # from a pixel to those that it reaches
        for k in range(-int(reach.max()) - 1, int(reach.max()) + 2):
            weight = beside(torch.where(abs(k) <= reach, full, torch.where(abs(k) == reach + 1, edge, 0)).double(), out)
            place = (torch.arange(size, device=out.device) + k).clamp(0, size - 1).expand(len(value), 1, size)
            bands.scatter_add_(1, place, weight.view(-1, 1, 1).expand(-1, 1, size))
        bands = bands[:, None]
        for _ in range(3):
            summed = out @ bands if axis == 3 else bands.transpose(2, 3) @ out
            out = ((summed + 2 ** 23) / 2 ** 24).floor()
    return torch.where(_per_image(value == 0, images), images, out.to(torch.uint8))


KINDS = dict(Rotate=_rotate, Shear=_shear, Translate=_translate, Invert=_invert, Solarize=_solarize,
             SolarizeAdd=_solarize_add, Posterize=_posterize, AutoContrast=_auto_contrast, Equalize=_equalize,
             Brightness=_brightness, Contrast=_contrast, ColorTransform=_color, Sharpness=_sharpness,
             GaussianBlur=_gaussian_blur)
