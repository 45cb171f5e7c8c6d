"""Random image transforms of a whole batch, with the law of the framework's.  B images, C x H x W pixels, P draws.

Each class is built from the framework's transform, takes images (B, C, H, W) and ``draws`` uniform numbers in [0, 1) an
image, (B, draws) on the host, so that no decision waits for the images' device, and returns images. Which image gets
which number is up to the caller: see :func:`uniforms`. With
``pad_val`` the images are maps (B, 1, H, W) that follow images with the same draws; those of ``follows=False`` cannot.
"""
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlt.core.random import host_draws_kept

from .batched_augment import AutoAugment, RandAugment, beside

# run once, when the images are loaded
FIXED = {'LoadImageFromFile', 'Resize', 'ResizeEdge', 'CenterCrop', 'EfficientNetCenterCrop', 'Pad'}


def uniforms(seed: int, epoch: int, positions: np.ndarray, count: int) -> np.ndarray:
    """(B,) places in the epoch's list of images over all ranks -> (B, count) float64 in [0, 1).

    A counter-based generator: each number is SplitMix64 (Steele et al., OOPSLA 2014) of (seed, epoch, position,
    column) alone, so that it does not matter which process draws it, or after what.

    >>> bool((uniforms(0, 3, np.arange(8), 2)[5:7] == uniforms(0, 3, np.arange(5, 7), 2)).all())
    True
    """
    key = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)
    counter = positions.astype(np.uint64)[:, None] * np.uint64(count) + np.arange(count, dtype=np.uint64)
    x = key + counter * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0 ** -53


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
        padded[:] = _fill(images, self.pad_val[:channels] if pad_val is None else pad_val)
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
        return torch.where(inside, _fill(images, self.pad_val), images)


class PerImage:
    """Any other random transform of the framework: image by image on the CPU, its global generators seeded from the
    image's draw and put back afterwards."""

    draws = 1
    names = {'AutoAugment', 'RandAugment', 'RandomResizedCrop', 'ColorJitter', 'RandomGrayscale', 'Lighting', 'Cutout',
             'RandomErasing', 'GaussianBlur', 'Rotate', 'Shear', 'Translate', 'AutoContrast', 'Brightness', 'Contrast',
             'ColorTransform', 'Equalize', 'Invert', 'Posterize', 'Sharpness', 'Solarize', 'SolarizeAdd'}
    geometric = {'AutoAugment', 'RandAugment', 'RandomResizedCrop', 'Rotate', 'Shear', 'Translate'}

    def __init__(self, transform: Any):
        self.transform, self.follows = transform, type(transform).__name__ not in self.geometric

    def __call__(self, images: Tensor, u: Any, pad_val: Any = None):
        if pad_val is not None:
            return images
        with host_draws_kept():
            out = [self._one(image, seed) for image, seed in zip(
                images.permute(0, 2, 3, 1).cpu().numpy(), (u[:, 0].numpy() * 2 ** 32).astype(np.uint32))]
        return torch.from_numpy(np.stack(out)).to(images.device).permute(0, 3, 1, 2)

    def _one(self, image, seed):
        np.random.seed(seed)
        random.seed(int(seed))
        image = self.transform(dict(img=np.ascontiguousarray(image), img_shape=image.shape[:2]))['img']
        return np.rint(image).clip(0, 255).astype(np.uint8)


class RandomApply:
    """MMCV's ``RandomApply``: the transforms on the images that are drawn, and none on the others."""

    def __init__(self, transform: Any):
        self.prob, self.ops = transform.prob, _random(transform.transforms.transforms)
        self.draws, self.follows = 1 + count(self.ops), all(op.follows for op in self.ops)

    def __call__(self, images: Tensor, u: Any, pad_val: Any = None):
        rows, out = (u[:, 0] < self.prob).nonzero()[:, 0], images.clone()
        if len(rows):
            at = beside(rows, images)
            out[at] = apply(self.ops, images[at], u[rows, 1:], pad_val)
        return out


class Views:
    """A list of batches, one a view: those of MMPretrain's ``MultiView`` or of ``RepeatPipeline``.

    Args:
        views (list[list]): the operations of each.
    """

    follows = False

    def __init__(self, views: Any):
        self.views, self.draws = views, sum(map(count, views))

    def __call__(self, images: Tensor, u: Any, pad_val: Any = None):
        views, begin = [], 0
        for ops in self.views:
            views.append(apply(ops, images, u[:, begin:begin + count(ops)]))
            begin += count(ops)
        return views


def _multi_view(transform):
    return Views([_random(view.transforms) for view in transform.transforms])


def _augment(transform):
    try:
        return dict(AutoAugment=AutoAugment, RandAugment=RandAugment)[type(transform).__name__](transform)
    except ValueError:  # an operation without a batched form
        return PerImage(transform)


BATCHED = {'RandomCrop': RandomCrop, 'RandomFlip': RandomFlip, 'Cutout': Cutout, 'AutoAugment': _augment,
           'RandAugment': _augment, 'RandomApply': RandomApply, 'MultiView': _multi_view}


def compile_transforms(transforms: Any):
    """A pipeline's transforms -> (those to run once, batched operations, the packing transform or None).

    Raises:
        ValueError: a transform that has no batched form, or an order that has none; the transform is named.
    """
    fixed: list[Any] = []
    ops: list[Any] = []
    pack = None
    for transform in transforms:
        name = type(transform).__name__
        if pack is not None or (ops and isinstance(ops[-1], Views) and name != 'PackInputs'):
            raise ValueError(f'{name} after {"PackInputs" if pack is not None else "MultiView"}')
        if name == 'RepeatPipeline':
            views = [compile_transforms(view.transforms) for view in transform.views]
            if ops or len({repr(view[0]) for view in views}) > 1:
                why = 'after random transforms' if ops else 'with views of several sizes'
                raise ValueError(f'RepeatPipeline {why}')
            ops += views[0][1] if len(views) == 1 else [Views([view[1] for view in views])]
            pack = views[0][2]
            fixed += [*transform.load.transforms, *views[0][0]]
        elif name == 'PackInputs':
            pack = transform
        elif name in FIXED and not ops:
            fixed.append(transform)
        elif name in BATCHED and not (name == 'Cutout' and transform.shape is None):
            ops.append(BATCHED[name](transform))
        elif name in PerImage.names:
            ops.append(PerImage(transform))
        else:
            raise ValueError(f'{name} after random transforms' if name in FIXED else name)
    return fixed, ops, pack


def _random(transforms):
    """The operations of transforms that are all random."""
    fixed, ops, pack = compile_transforms(transforms)
    if fixed or pack:
        raise ValueError(f'{type((fixed or [pack])[0]).__name__} within MultiView or RandomApply')
    return ops


def count(ops: Any) -> int:
    """The numbers that operations draw an image."""
    return sum(op.draws for op in ops)


def apply(ops: Any, images: Tensor, u: Any, pad_val: Any = None):
    """Run operations one after the other; each takes its columns of the draws ``u`` (B, P)."""
    begin = 0
    for op in ops:
        images = op(images, u[:, begin:begin + op.draws], pad_val)
        begin += op.draws
    return images


def _fill(images, value):
    """A number or one a channel, to broadcast against (B, C, H, W)."""
    return beside(torch.as_tensor(value, dtype=images.dtype), images).view(-1, 1, 1)
