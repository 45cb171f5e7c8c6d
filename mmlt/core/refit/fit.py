"""Train a classifier on cached features.  N images, n of them in use, C classes, D features."""
import math
from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from ..random import seeded_generator
from ..sampling import ClassIndex, drawn_indices

CHUNK = 4096
LIMIT = 1e4
SMALL = 2 ** 24  # multiplications of a step, below which waiting for a second thread costs more than it saves


class Split(NamedTuple):
    """Cached features (N, D) of any float type, labels (N,) and the images in use, (n,)."""
    features: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor

    @property
    def y(self):
        """(n,): labels of the images in use."""
        return self.labels[self.rows]

    def counts(self, num_classes: int):
        """(C,): images in use of each class."""
        return torch.bincount(self.y, minlength=num_classes)

    def chunks(self, size: int = CHUNK):
        """Float32 features and labels, ``size`` images at a time."""
        for rows in self.rows.split(size):
            yield self.features[rows].float(), self.labels[rows]


def as_split(features: Tensor, labels: Tensor, num_classes: int, name: str = 'features'):
    """Check features (N, D) and labels (N,), arrays or tensors, and return them as a :class:`Split` of all images.

    Raises:
        ValueError: a feature is NaN or infinite, or beyond 1e4; a label is out of range; the shapes do not fit.
    """
    features = torch.as_tensor(features)
    labels = torch.as_tensor(labels, dtype=torch.int64, device=features.device)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise ValueError(f'{name}: expected features (N, D) and labels (N,), N > 0; got {tuple(features.shape)} and '
                         f'{tuple(labels.shape)}')
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise ValueError(f'{name}: labels span [{low}, {high}], the classifier has {num_classes} classes; use the data '
                         'set that the checkpoint was trained on')
    for start in range(0, len(features), CHUNK):
        size = features[start:start + CHUNK].abs().amax(1).float()
        bad = (~(size <= LIMIT)).nonzero().flatten()
        if len(bad):
            i = start + int(bad[0])
            column = int((~(features[i].abs() <= LIMIT)).nonzero()[0])
            value = features[i, column].item()
            why = (f'beyond {LIMIT:g}: were the images normalised as in training (data_preprocessor)?'
                   if math.isfinite(value) else 'not finite: has the checkpoint diverged?')
            raise ValueError(f'{name}: feature {column} of image {i} is {value:g}, {why}')
    return Split(features, labels, torch.arange(len(labels), device=features.device))


class Recipe(NamedTuple):
    """SGD with momentum 0.9 and a cosine schedule; ``lr=None`` is the default of each method.

    With ``norm`` the learning rates of weights that multiply features are as if these had that norm (root mean square):
    those of unknown models may be far shorter or longer than a classifier's default rate suits.
    """
    epochs: int = 10
    batch_size: int = 128
    lr: float | None = None
    seed: int = 0
    norm: float | None = None


def fit(layer: nn.Module, train: Split, recipe: Recipe, lr: float, weight_decay: float = 5e-4,
        loss: Callable = F.cross_entropy, balanced: bool = True, after_step: Callable | None = None):
    """Train ``layer`` (D -> C) in place and return it frozen, in eval mode.

    An epoch is n samples: class-balanced draws, each class as likely as any other, or (``balanced=False``) a
    permutation of the data. They follow from ``recipe.seed`` alone; no global random state is used.

    Args:
        lr (float): initial learning rate, unless the recipe has one.
        loss: ``loss(logits (B, C), labels (B,))``.
        after_step: called after every step, without gradients.

    Raises:
        ValueError: training diverged.
    """
    weights = [p for p in layer.parameters() if p.requires_grad]
    lr = lr if recipe.lr is None else recipe.lr
    groups = [dict(params=[p for p in weights if p.ndim > 1], factor=_factor(train, recipe.norm)),
              dict(params=[p for p in weights if p.ndim <= 1], factor=1.)]
    optimizer = torch.optim.SGD([g for g in groups if g['params']], lr, momentum=0.9, weight_decay=weight_decay,
                                fused=True)
    index = ClassIndex(train.y.cpu().numpy(), int(train.labels.max()) + 1, train.rows.cpu().numpy())
    present = (index.counts > 0).double()
    total, step = recipe.epochs * -(-len(train.rows) // recipe.batch_size), 0
    layer.train()
    with _one_thread(recipe.batch_size * layer.in_features * layer.out_features < SMALL):
        for epoch in range(recipe.epochs):
            generator = seeded_generator(recipe.seed, epoch)
            if balanced:
                order = drawn_indices(index, present, len(train.rows), generator)
            else:
                order = index.order[torch.randperm(len(index.order), generator=generator)]
            for rows in order.to(train.features.device).split(recipe.batch_size):
                for group in optimizer.param_groups:
                    group['lr'] = group['factor'] * lr * (1 + math.cos(math.pi * step / total)) / 2
                optimizer.zero_grad()
                loss(layer(train.features[rows].float()), train.labels[rows]).backward()
                optimizer.step()
                if after_step is not None:
                    with torch.no_grad():
                        after_step()
                step += 1
    if not all(w.isfinite().all() for w in weights):
        norm = train.features[train.rows[:CHUNK]].float().norm(dim=1).mean()
        raise ValueError(f'training diverged with lr={lr:g} on features of mean norm {norm:.3g}; pass a smaller lr')
    return layer.eval().requires_grad_(False)


def _factor(train, norm):
    """Of learning rates: a gradient by a weight grows with the feature, its effect on a logit with the square."""
    if norm is None:
        return 1.
    return norm ** 2 * len(train.rows) / max(sum(float(x.square().sum()) for x, _ in train.chunks()), 1e-12)


@contextmanager
def _one_thread(wanted):
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if wanted else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def linear(weight: Tensor, bias: Tensor | None = None):
    """A frozen linear layer with a copy of ``weight`` (C, D) and ``bias`` (C,), zero by default."""
    layer = skip_init(nn.Linear, weight.shape[1], len(weight), device=weight.device)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_() if bias is None else layer.bias.copy_(bias)
    return layer.eval().requires_grad_(False)


def new_linear(like: nn.Linear, seed: int):
    """A linear layer to train, of the shape of ``like``: N(0, 0.01) and no bias."""
    weight = torch.empty(like.weight.shape).normal_(std=0.01, generator=seeded_generator(seed))
    return linear(weight.to(like.weight.device)).requires_grad_()
