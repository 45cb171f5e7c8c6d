"""Choose the settings of a second stage, and measure it.  N images, C classes, G settings, K folds."""
from typing import Any

import torch
from torch import Tensor, nn

from ..accuracy import LongTailAccuracy
from ..random import seeded_generator
from ..sampling import ClassIndex
from .fit import Recipe, Split, fit, new_linear
from .methods import METHODS, class_hits


def stratified_folds(labels: Tensor, folds: int, seed: int = 0):
    """(N,) -> (N,) int64: the fold of each image. Every class is dealt evenly, up to one image, in a shuffled order.

    >>> labels = torch.tensor([0] * 6 + [1] * 4)
    >>> fold = stratified_folds(labels, 2)
    >>> torch.bincount(2 * labels + fold).tolist()
    [3, 3, 2, 2]
    """
    generator = seeded_generator(seed)
    mixed = torch.randperm(len(labels), generator=generator)
    index = ClassIndex(labels[mixed].numpy(), int(labels.max()) + 1)
    place = torch.arange(len(labels)) - index.start.repeat_interleave(index.counts)
    first = torch.randint(folds, (len(index.counts),), generator=generator).repeat_interleave(index.counts)
    fold = torch.empty_like(labels)
    fold[mixed[index.order]] = (place + first) % folds
    return fold


def tuning_rounds(train: Split, joint: nn.Linear, recipe: Recipe, val: Any = None, folds: int = 5, fold: Any = None):
    """What settings are tried on: ``[(train, held out, joint classifier), ...]``.

    With a validation split, one round. Else K folds of the training set, each with a joint classifier of its own,
    fitted to the rest of the images: the given one has learnt the images that are held out. The backbone has, too, so a
    validation split is the better judge. ``fold`` (N,) says which image is in which fold, where groups of images must
    not be torn apart; else classes are dealt evenly.

    Raises:
        ValueError: neither a validation split nor at least two folds.
    """
    if val is not None:
        return [(train, val, joint)]
    if folds < 2:
        raise ValueError(f'folds={folds} and no validation split: nothing to choose the settings on; give a validation '
                         'split or folds >= 2')
    fold = stratified_folds(train.y.cpu(), folds, recipe.seed) if fold is None else torch.as_tensor(fold)
    fold = fold.to(train.rows.device)
    rounds = []
    for k in range(folds):
        rest, held_out = (train._replace(rows=train.rows[mask]) for mask in (fold != k, fold == k))
        rounds.append((rest, held_out, fit(new_linear(joint, recipe.seed), rest, recipe, lr=0.1, balanced=False)))
    return rounds


def select(name: str, rounds: list, recipe: Recipe):
    """The setting of a method's grid with the highest mean of per-class accuracies over all rounds.

    Returns:
        dict: the setting, {} where there is nothing to choose.
    """
    grid = METHODS[name].grid
    if len(grid) == 1:
        return grid[0]
    right: Any = sum(class_hits(name, *r, recipe) for r in rounds)  # type: ignore[call-arg]
    seen = sum(held_out.counts(right.shape[1]) for _, held_out, _ in rounds).cpu()
    accuracy = (right / seen)[:, seen > 0].mean(1)
    return grid[int(accuracy.argmax())]


@torch.no_grad()
def evaluate(layer: nn.Module, split: Any, class_counts: Tensor, many: float = 100, few: float = 20, bins: int = 15):
    """Results in percent, as :meth:`~mmlt.core.accuracy.LongTailAccuracy.compute` gives them."""
    accuracy = LongTailAccuracy(len(class_counts), bins)
    for x, labels in split.chunks():
        confidence, predicted = layer(x).softmax(1).max(1)
        accuracy.update(labels.cpu(), predicted.cpu(), confidence.cpu())
    return accuracy.compute(class_counts, many, few)
