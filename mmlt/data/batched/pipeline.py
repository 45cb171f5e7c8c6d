"""Pipelines of whole batches.  B images, P draws of an image."""
from typing import Any

from torch import Tensor

from .crops import Cutout, RandomCrop, RandomFlip
from .draws import beside
from .operations import KINDS
from .per_image import PerImage
from .policies import AutoAugment, RandAugment, Single
from .views import ColorJitter, RandomGrayscale, RandomResizedCrop

# run once, when the images are loaded
FIXED = {'LoadImageFromFile', 'Resize', 'ResizeEdge', 'CenterCrop', 'EfficientNetCenterCrop', 'Pad'}


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


BATCHED = {'RandomCrop': RandomCrop, 'RandomFlip': RandomFlip, 'RandomApply': RandomApply, 'MultiView': _multi_view}
# where these cannot do what a transform asks for, it runs image by image
OR_PER_IMAGE = {'Cutout': Cutout, 'AutoAugment': AutoAugment, 'RandAugment': RandAugment, 'ColorJitter': ColorJitter,
                'RandomGrayscale': RandomGrayscale, 'RandomResizedCrop': RandomResizedCrop,
                **dict.fromkeys(KINDS, Single)}


def _or_per_image(name, transform):
    try:
        return OR_PER_IMAGE[name](transform)
    except (KeyError, ValueError):
        return PerImage(transform)


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
        elif name in BATCHED:
            ops.append(BATCHED[name](transform))
        elif name in PerImage.names:
            ops.append(_or_per_image(name, transform))
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
