"""CAM-based sampling: move the object of an image over its own, unchanged background.

N images of H x W, D channels of the last feature map h x w, C classes.
"""
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_integer, check_range
from ..counts import ClassCounts, Counts
from ..precision import no_autocast
from ..random import plain_generator

KINDS = ('flip', 'translate', 'rotate', 'scale')
FLIP, TRANSLATE, ROTATE, SCALE = range(4)


def class_activation_map(features: Tensor, weight: Tensor, labels: Tensor, size: Any = None):
    """Class activation map of the label, min-max scaled to [0, 1] in each image.

    CAM(x, y) = sum_d weight[label, d] features[d, x, y], without the bias. A map that is constant up to rounding, or
    holds a NaN or an infinity, becomes 0. Zhou et al., Learning Deep Features for Discriminative Localization, CVPR
    2016, arXiv:1512.04150.

    Args:
        features (Tensor): (N, D, h, w), what global average pooling pools.
        weight (Tensor): (C, D), rows of the linear or cosine classifier behind the pooling.
        labels (Tensor): (N,) int64.
        size (tuple, optional): (H, W) to resize to.

    Returns:
        Tensor: (N, h, w), or (N, H, W) with ``size``; float32, or float64 for float64 features.

    >>> features = torch.tensor([[[[0., 1.], [2., 4.]]]])
    >>> class_activation_map(features, torch.ones(3, 1), torch.tensor([2]))
    tensor([[[0.0000, 0.2500],
             [0.5000, 1.0000]]])
    """
    if features.ndim != 4 or features.shape[1] != weight.shape[1]:
        raise ValueError(f'features of shape {tuple(features.shape)} for a classifier weight of shape '
                         f'{tuple(weight.shape)}; a CAM needs the map (N, D, h, w) that is pooled for a weight (C, D)')
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    with no_autocast(features):
        cam = (weight[labels].to(features)[:, None] @ features.flatten(2)).view(-1, *features.shape[2:])
    low, high = cam.amin((1, 2), keepdim=True), cam.amax((1, 2), keepdim=True)
    rounding = 16 * torch.finfo(cam.dtype).eps * torch.maximum(low.abs(), high.abs())
    cam = ((cam - low) / (high - low).where(high - low > rounding, torch.inf)).nan_to_num_(0)
    return cam if size is None else resize_cam(cam, size)


def resize_cam(cam: Tensor, size: Sequence[int]):
    """(N, h, w) in any dtype -> (N, H, W) in float32, or float64 if it was; bilinear over pixel centres."""
    cam = cam.to(torch.promote_types(cam.dtype, torch.float32))
    return cam if cam.shape[1:] == tuple(size) else F.interpolate(cam[:, None], size=tuple(size), mode='bilinear')[:, 0]


def foreground_mask(cam: Tensor, ratio: float = 1.0):
    """(N, H, W) -> bool (N, H, W): CAM >= ratio * its mean over the image.

    ``ratio=1.0`` is the paper, 0.75 the authors' code.
    """
    return cam >= ratio * cam.mean((1, 2), keepdim=True)


def bounding_box(mask: Tensor):
    """bool (N, H, W) -> int64 (N, 4): x0, y0, x1, y1, all inclusive. An empty mask gives (0, 0, -1, -1), of width 0.

    >>> bounding_box(torch.tensor([[[0, 0, 0], [0, 1, 1]], [[0, 0, 0], [0, 0, 0]]], dtype=torch.bool))
    tensor([[ 1,  1,  2,  1],
            [ 0,  0, -1, -1]])
    """
    first, last = [], []
    for dim, length in ((1, mask.shape[2]), (2, mask.shape[1])):
        hit = mask.view(torch.uint8).amax(dim).bool()
        at = torch.arange(length, device=mask.device)
        first.append(at.where(hit, length).amin(1) % length)
        last.append(at.where(hit, -1).amax(1))
    return torch.stack(first + last, 1)


def transform_foreground(images: Tensor, masks: Tensor, kinds: Tensor, generator: torch.Generator):
    """Flip, translate, rotate or scale each image's foreground and paste it over the image.

    About the centre of the foreground's bounding box: a horizontal flip, a rotation by [-45, 45) degrees, a scaling by
    [0.8, 1.2); or a shift by whole pixels that keeps the box inside the frame. Sampling is nearest neighbour: every
    pixel of the result is a pixel of the input, in all channels at once, and the mask neither grows nor frays. Pixels
    outside the moved foreground stay as they are, so the original object shows where it is not covered. (The authors'
    code fills that place with the background of the transformed image, decides channel by channel whether a pixel is
    black, always rotates and scales together, flips about the image's centre, and takes the box's top-left corner for
    its centre.)

    Args:
        images (Tensor): (N, 3, H, W), uint8 or float, of any range.
        masks (Tensor): bool (N, H, W). An empty mask leaves its image as it is.
        kinds (Tensor | sequence): N entries, names or positions in ``KINDS``.
        generator (torch.Generator): where the two draws an image come from, on any device.

    Returns:
        Tensor: as ``images``.
    """
    if masks.shape != (images.shape[0], *images.shape[2:]):
        raise ValueError(f'masks of shape {tuple(masks.shape)} for images of shape {tuple(images.shape)}; '
                         'pass one mask (H, W) an image')
    if not torch.is_tensor(kinds):
        unknown = [kind for kind in kinds if kind not in KINDS and kind not in range(len(KINDS))]
        if unknown:
            raise ValueError(f'unknown kind {unknown[0]!r}; use one of {KINDS}')
        kinds = torch.tensor([KINDS.index(kind) if isinstance(kind, str) else kind for kind in kinds])
    draws = torch.rand(len(images), 2, generator=generator, device=generator.device, dtype=torch.float32)
    draws, kinds = (x.to(images.device, non_blocking=True) for x in (draws, kinds))
    return paste_foreground(images, masks, sampling_matrix(bounding_box(masks), kinds, draws, images.shape[2:]))


def sampling_matrix(boxes: Tensor, kinds: Tensor, draws: Tensor, size: Sequence[int]) -> Tensor:
    """The affine map from a pixel of the result to the pixel of the image that it shows.

    boxes (N, 4), kinds (N,), uniform draws (N, 2) in [0, 1) -> matrices (N, 2, 3), applied to (x, y, 1).
    """
    box = boxes.float()
    centre = (box[:, :2] + box[:, 2:]) / 2
    places = torch.stack((size[1] - box[:, 2] + box[:, 0], size[0] - box[:, 3] + box[:, 1]), 1)
    shift = ((draws * places).floor() - box[:, :2]) * (kinds == TRANSLATE)[:, None]
    angle = (draws[:, 0] - 0.5) * (math.pi / 2) * (kinds == ROTATE)
    scale = torch.where(kinds == SCALE, 0.8 + 0.4 * draws[:, 0], 1)
    mirror = torch.where(kinds == FLIP, -1., 1.).to(box)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    linear = torch.stack((cos * mirror, sin, -sin, cos), 1).view(-1, 2, 2)
    offset = centre - (linear * (centre + shift)[:, None]).sum(2)
    return torch.cat((linear, offset[:, :, None]), 2)


def paste_foreground(images: Tensor, masks: Tensor, matrix: Tensor):
    """images (N, K, H, W), masks (N, H, W), matrix (N, 2, 3) of :func:`sampling_matrix` -> images."""
    height, width = images.shape[2:]
    exact = torch.float32 if height * width <= 2 ** 24 else torch.float64
    x = torch.arange(width, dtype=exact, device=images.device)
    y = torch.arange(height, dtype=exact, device=images.device)[:, None]
    here = torch.arange(height * width, dtype=exact, device=images.device)
    (a, b, c), (d, e, f) = (row.unbind(1) for row in matrix[..., None, None].unbind(1))
    # positions in the frame with a border of one pixel, where no mask is; casting float to int32 to int64 and blending
    # positions by lerp, which is exact at 0 and 1, is what a CPU does fast
    from_x = ((a * x + (c + 1)) + b * y).round_().clamp_(0, width + 1)
    from_y = (d * x + (e * y + (f + 1))).round_().clamp_(0, height + 1)
    bordered = F.pad(masks.view(torch.uint8), (1, 1, 1, 1)).flatten(1)
    moved = bordered.gather(1, (from_y * (width + 2)).add_(from_x).flatten(1).int().long())
    there = from_y.mul_(width).add_(from_x).sub_(width + 1).flatten(1)
    source = torch.lerp(here.expand_as(there), there, moved.to(exact)).int().long()
    return images.flatten(2).gather(2, source[:, None].expand(-1, images.shape[1], -1)).view_as(images)


class CAMForeground(ClassCounts):
    """CAM-based sampling, online: an image becomes, with its class's probability, one whose foreground is transformed.

    The paper adds a_c = n_max + n_min - n_c generated images to the n_c of class c, then samples the classes uniformly
    and the images of a class uniformly: a drawn image of class c is a generated one with the probability a_c / (n_max +
    n_min), made from a uniformly drawn original. Doing that to each image behind a class-balanced sampler is the same
    in law, with fresh draws each time and no files. Zhang et al., Bag of Tricks for Long-Tailed Visual Recognition with
    Deep Convolutional Neural Networks, AAAI 2021.

    As a batch augment of MMPretrain, ``(inputs, one_hot) -> (inputs, one_hot)``, it needs :meth:`set_source`
    first; ``StageSwitchHook(stages=[dict(cam=dict(...))])`` needs nothing.

    Args:
        ratio (float): foreground is CAM >= ratio * mean(CAM); 1.0 in the paper, 0.75 in its code.
        kinds (sequence): transforms to draw from, uniformly.
        prob (float, optional): one probability for all classes, which then needs no counts.
        limit (int, optional): as the authors' code does on large sets (100 on ImageNet-LT, 50 on iNaturalist 2018):
            nothing generated for a class with n_c >= limit, at most ``limit`` images for the others.
        class_counts: anything :func:`as_counts` takes, or None to have it set later.

    >>> CAMForeground(class_counts=[90, 30, 10]).class_prob
    tensor([0.1000, 0.7000, 0.9000], dtype=torch.float64)
    """

    allow_empty = True  # no image asks for it

    def __init__(self, ratio: float = 1.0, kinds: Sequence[str] = KINDS, prob: Any = None, limit: Any = None,
                 class_counts: Counts | None = None):
        check_range(self, '(0, inf)', ratio=ratio)
        if prob is not None:
            check_range(self, '[0, 1]', prob=prob)
        kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        if not kinds or set(kinds) - set(KINDS):
            raise ValueError(f'kinds must be some of {KINDS}, got {kinds}')
        if limit is not None:
            check_integer(self, 1, limit=limit)
        self.ratio, self.prob, self.limit = ratio, prob, limit
        self.kinds = tuple(KINDS.index(kind) for kind in kinds)
        self.source = None
        super().__init__(class_counts)

    def derive(self) -> None:
        counts = self.class_counts
        extra = counts.max() + counts[counts > 0].min() - counts
        if self.limit is not None:
            extra = extra.clamp(max=self.limit) * (counts < self.limit)
        self.register_buffer('class_prob', extra / (counts + extra), persistent=False)

    def choose(self, labels: Tensor, generator: torch.Generator):
        """labels (N,) -> bool (N,): which images to transform."""
        draws = torch.rand(len(labels), generator=generator, device=generator.device)
        draws = draws.to(labels.device, non_blocking=True)
        if self.prob is not None:
            return draws < self.prob
        self.check_counts()
        return draws < self.class_prob.to(labels.device)[labels]

    def transform(self, images: Tensor, cams: Tensor, generator: torch.Generator, chosen: Tensor | None = None):
        """images (N, 3, H, W), cams (N, h, w) of any resolution -> images with their foreground transformed.

        ``chosen``, bool (N,), leaves the others as they are.
        """
        n, device, size = len(images), generator.device, images.shape[2:]
        kinds = torch.randint(len(self.kinds), (n,), generator=generator, device=device)
        kinds = torch.tensor(self.kinds, device=device)[kinds]
        draws = torch.rand(n, 2, generator=generator, device=device, dtype=torch.float32)
        chosen = torch.ones(n, dtype=torch.bool, device=device) if chosen is None else chosen
        kinds, draws, chosen = (x.to(images.device, non_blocking=True) for x in (kinds, draws, chosen))
        # a CPU's cache holds the intermediate results of few pixels; an accelerator takes all at once
        block = max(2 ** 19 // size.numel(), 1) if images.device.type == 'cpu' else max(n, 1)
        results = []
        for image, cam, kind, draw, take in zip(*(x.split(block) for x in (images, cams, kinds, draws, chosen))):
            mask = foreground_mask(resize_cam(cam, size), self.ratio).logical_and_(take[:, None, None])
            results.append(paste_foreground(image, mask, sampling_matrix(bounding_box(mask), kind, draw, size)))
        return torch.cat(results)

    def augment(self, images: Tensor, cams: Tensor, labels: Tensor, generator: torch.Generator):
        """Transform each image with its class's probability: :meth:`choose`, then :meth:`transform`."""
        return self.transform(images, cams, generator, self.choose(labels, generator))

    def set_source(self, source: Any, generator: torch.Generator | None = None):
        """Say where CAMs come from, ``source(inputs, labels) -> (N, h, w)``, and the draws (seed 0 by default)."""
        self.source = source.__call__  # not the module itself, which would become a part of this one
        self.generator = generator or plain_generator(0)
        return self

    def forward(self, inputs: Tensor, one_hot: Tensor):
        if self.source is None:
            raise RuntimeError('CAMForeground has no source of CAMs; call set_source(source) first, or put '
                               'cam=dict(...) into a stage of StageSwitchHook, which keeps a frozen copy of the model')
        labels = one_hot.argmax(1)
        return self.augment(inputs, self.source(inputs, labels), labels, self.generator), one_hot
