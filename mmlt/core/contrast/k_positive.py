"""Contrast with k positives, and with targets.

M anchors f (M, D), each with a view of its own image (M, D); a queue of K keys (K, D); C targets (C, D); T temperature.
"""
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_integer, check_range
from ..dist import class_sums
from ..layers.etf import simplex
from ..precision import no_autocast, unit
from ..random import Draws, plain_generator
from .base import FLOOR, ContrastiveLoss


def draw_positives(same: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """(M, K) of bools -> (M, K): k of each row's True at random, all of them where there are fewer."""
    order = torch.rand(same.shape, generator=generator, device=same.device).masked_fill_(~same, -1)
    highest, index = order.topk(min(k, same.size(1)), 1)
    return torch.zeros_like(same).scatter_(1, index, highest >= 0)


@torch.enable_grad()
def uniform_targets(num_classes: int, dim: int, steps: int = 300, temperature: float = 0.07) -> Tensor:
    """C unit vectors, (C, D), as far from one another as can be: a simplex where D >= C, else the least
    sum_i log sum_j e^(t_i t_j / T) that gradient descent finds."""
    if num_classes == 1 or dim >= num_classes:
        return simplex(num_classes, dim).float() if num_classes > 1 else torch.eye(1, dim)
    points = torch.randn(num_classes, dim, generator=plain_generator(0)).requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.1)
    for step in range(steps):
        optimizer.param_groups[0]['lr'] = 0.05 * (1 + math.cos(math.pi * step / steps))
        near = unit(points)
        optimizer.zero_grad()
        (near @ near.t() / temperature).logsumexp(1).mean().backward()
        optimizer.step()
    return unit(points.detach())


class KPositiveLoss(ContrastiveLoss):
    """-1 / (1 + |P_i|) sum of log softmax over an image's other view and P_i, k random keys of its class in the queue:
    the same number for frequent and rare classes. KCL: Kang et al., Exploring balanced feature spaces, ICLR 2021.

    ``loss(anchors (M, D), labels (M,), views (M, D), keys (K, D), key_labels (K,))``; all come in unit length. The
    denominator has the other view and all keys; a negative key label is an empty place. In evaluation nothing is drawn:
    all keys of the class are positives.

    Args:
        temperature (float): T.
        k (int): positives from the queue; where there are fewer, all.
        seed (int): of the draws.

    Raises:
        ValueError: the shapes disagree.

    >>> anchor, key = torch.eye(2)[:1], torch.eye(2)[1:]
    >>> KPositiveLoss(1.0, k=1)(anchor, torch.tensor([0]), anchor, key, torch.tensor([0]))
    tensor(0.8133)
    """

    num_classes: int | None = None

    def __init__(self, temperature: float = 0.07, k: int = 6, seed: int = 0, **kwargs):
        check_integer(self, 1, k=k)
        super().__init__(temperature, **kwargs)
        self.k = k
        self.draws = Draws(seed)

    def losses(self, features: Tensor, labels: Tensor, views: Tensor, keys: Tensor, key_labels: Tensor):
        self.check(features, labels, '(M, D)', self.num_classes)
        if views.shape != features.shape or keys.shape != (len(key_labels), features.size(1)):
            raise ValueError(f'{type(self).__name__}: views {tuple(views.shape)}, keys {tuple(keys.shape)} and their '
                             f'labels {tuple(key_labels.shape)}; expected {tuple(features.shape)}, '
                             f'(K, {features.size(1)}) and (K,)')
        positive = (labels[:, None] == key_labels) & (key_labels >= 0)
        if self.training:
            positive = draw_positives(positive, self.k, self.draws.generator(features.device))
        own = (features * views).sum(1, keepdim=True)
        similarity = (features @ keys.to(features.dtype).t()).masked_fill(key_labels < 0, FLOOR)
        extra, weight = self.targeted(features, labels)
        logits = torch.cat([own, similarity, *extra], 1) / self.temperature
        weights = torch.cat([torch.ones_like(own), positive.to(own.dtype), *weight], 1)
        values = F.cross_entropy(logits, weights, reduction='none') / (1 + positive.sum(1) + len(extra))
        return values, torch.ones_like(values, dtype=torch.bool)

    def targeted(self, features: Tensor, labels: Tensor):
        """More similarities (M, X) for the softmax, and their weights (M, X), each in a list."""
        return [], []


class TargetedContrastiveLoss(KPositiveLoss):
    """:class:`KPositiveLoss` with C fixed, far-apart targets among the keys; that of an image's class is one more
    positive. TSC: Li et al., CVPR 2022, arXiv:2111.13998.

    Which class has which target is told by :meth:`assign`, from the moving mean of each class's anchors over all ranks;
    all of it is state, in buffers. As released, the target counts as one in the mean over the positives, its logarithm
    times ``target_weight``.

    Args:
        num_classes (int): C.
        dim (int): D.
        target_weight (float): of the targets.
        momentum (float): of the moving means.

    Raises:
        ValueError: the shapes disagree, or a label is no class.
    """

    targets: Tensor
    centers: Tensor
    target_of: Tensor

    def __init__(self, num_classes: int, dim: int, temperature: float = 0.07, k: int = 6, target_weight: float = 0.2,
                 momentum: float = 0.9, seed: int = 0, **kwargs):
        check_range(self, '[0, inf)', target_weight=target_weight)
        check_range(self, '[0, 1]', momentum=momentum)
        check_integer(self, 1, num_classes=num_classes, dim=dim)
        super().__init__(temperature, k, seed, **kwargs)
        self.num_classes, self.target_weight, self.momentum = num_classes, target_weight, momentum
        self.register_buffer('targets', torch.zeros(num_classes, dim))
        self.register_buffer('centers', torch.zeros(num_classes, dim))
        self.register_buffer('target_of', torch.arange(num_classes))

    def targeted(self, features: Tensor, labels: Tensor):
        if features.size(1) != self.targets.size(1):
            raise ValueError(f'TargetedContrastiveLoss has targets of dim={self.targets.size(1)}, the features have '
                             f'{features.size(1)}')
        if self.training:
            self.follow(features.detach(), labels)
        weight = F.one_hot(self.target_of[labels], len(self.targets)).to(features.dtype)
        return [features @ self.targets.to(features.dtype).t()], [self.target_weight * weight]

    @torch.no_grad()
    def follow(self, features: Tensor, labels: Tensor) -> None:
        """(M, D), (M,): move the centers of their classes."""
        sums, number = class_sums(features.to(self.centers.dtype), labels, len(self.centers))
        moved = unit(torch.lerp(unit(sums), self.centers, self.momentum))
        self.centers = torch.where(number[:, None] > 0, moved, self.centers)

    @torch.no_grad()
    def similarity(self, keys: Tensor, key_labels: Tensor) -> Tensor:
        """(K, D), (K,) -> (C, C): the centers' with the targets. A class without a center yet has that of its keys."""
        with no_autocast(self.centers):
            if not self.targets.any():
                self.targets.copy_(uniform_targets(*self.targets.shape))
            sums = torch.zeros_like(self.centers).index_add_(
                0, key_labels.clamp(min=0), keys.to(self.centers.dtype) * (key_labels >= 0)[:, None])
            return torch.where(self.centers.any(1, keepdim=True), self.centers, unit(sums)) @ self.targets.t()

    @torch.no_grad()
    def assign(self, order: Tensor) -> None:
        """(C,): class c has target ``order[c]``."""
        self.target_of.copy_(order)
