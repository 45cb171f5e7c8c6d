"""AutoAugment and RandAugment of a whole batch.  B images, T transforms."""
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .draws import beside
from .operations import KINDS


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


class Single:
    """One transform by itself, with its probability."""

    def __init__(self, transform: Any):
        self.ops, self.draws = Operations([transform]), Operations.draws
        self.follows = type(transform).__name__ not in ('Rotate', 'Shear', 'Translate')

    def __call__(self, images: Tensor, u: Tensor, pad_val: Any = None):
        return images if pad_val is not None else self.ops(images, torch.zeros(len(u), dtype=torch.long), u)


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
        alike: dict[Any, Any] = {}  # transforms that differ in their values alone run together
        self.group = torch.tensor([alike.setdefault(_likeness(t), (len(alike), t))[0] for t in transforms])
        self.first = [first for _, first in alike.values()]
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
    own = {'Rotate': 'angle', 'Posterize': 'bits', 'Solarize': 'thr', 'GaussianBlur': 'radius'}
    name = own.get(type(t).__name__, 'magnitude')
    value = getattr(t, name, None)
    ends = (t.magnitude_range or (0, 0)) if value is None else (value, value)
    return [t.prob, *ends, t.magnitude_level, float(t.magnitude_std), t.total_level, t.random_negative_prob]


def _likeness(t):
    names = 'direction', 'interpolation', 'pad_val', 'center', 'scale'
    own = {'SolarizeAdd': ('thr',)}.get(type(t).__name__, ())
    return type(t).__name__, *(repr(getattr(t, name, None)) for name in (*names, *own))
