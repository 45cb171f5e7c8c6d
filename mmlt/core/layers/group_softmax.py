"""Balanced group softmax, the layer.  N batch, D in_features, C out_features, G groups."""
from collections.abc import Sequence

import torch
from torch import Tensor

from ..counts import ClassCounts, Counts, as_counts
from .base import LinearClassifier


def group_layout(class_counts: Tensor, bins: Sequence[float]):
    """Where each class and each group's "others" lie among the widened logits.

    Groups in the order of the bins ([0, b_1), [b_1, b_2), ...); an empty one takes no logits. A group is its "others"
    logit, then its classes in ascending order.

    Args:
        class_counts (Tensor): (C,).
        bins (sequence): ascending counts where a group begins.

    Returns:
        tuple: ``slots`` (C,), the column of each class, and ``sizes``, a list with each group's number of columns.

    Raises:
        ValueError: the bins do not ascend, or begin at no positive count.

    >>> slots, sizes = group_layout(torch.tensor([50, 5, 20, 3]), bins=(10, 100))
    >>> slots.tolist(), sizes
    ([4, 1, 5, 2], [3, 3])
    """
    check_bins(bins)
    edges = torch.as_tensor(bins, dtype=class_counts.dtype, device=class_counts.device)
    group = torch.bucketize(class_counts, edges, right=True)
    occupied, group = group.unique(return_inverse=True)
    order = group.argsort(stable=True)
    slots = torch.empty_like(order)
    slots[order] = torch.arange(len(order), device=order.device) + group[order] + 1
    return slots, (torch.bincount(group, minlength=len(occupied)) + 1).tolist()


def check_bins(bins: Sequence[float]) -> None:
    """Raise a ValueError unless the bins are ascending positive counts."""
    if list(bins) != sorted({b for b in bins if b > 0}):
        raise ValueError(f'bins must ascend and be positive counts, got {tuple(bins)}')


class GroupSoftmaxLinear(LinearClassifier, ClassCounts):
    """The classifier of balanced group softmax (BAGS). Li et al., CVPR 2020, arXiv:2006.10408.

    In training it returns the widened logits (N, C + G) that ``BalancedGroupSoftmaxLoss`` with the same counts and bins
    reads; in evaluation ``log P_g(c)`` (N, C), each class's log-probability inside its group, so that scores compare
    across groups. A linear checkpoint's rows go to the classes, the "others" keep their start.

    Args:
        class_counts: training counts (C,) or a json path; needed here since they fix the layer's width.
        bins (sequence): ascending counts where a group begins.

    Raises:
        ValueError: no counts, not C of them, or later ones that would group the classes in another way.

    >>> layer = GroupSoftmaxLinear(8, 4, class_counts=[50, 5, 20, 3], bins=(10, 100))
    >>> layer(torch.ones(2, 8)).shape, layer.eval()(torch.ones(2, 8)).shape
    (torch.Size([2, 6]), torch.Size([2, 4]))
    """

    def __init__(self, in_features: int, out_features: int, class_counts: Counts | None = None,
                 bins: Sequence[float] = (10, 100, 1000), dim: int = -1):
        if class_counts is None:
            raise ValueError('GroupSoftmaxLinear needs class_counts=[...] or a json path: they fix its width')
        slots, sizes = group_layout(as_counts(class_counts, out_features), bins)
        super().__init__(in_features, out_features, dim=dim, rows=sum(sizes))
        self.bins = tuple(bins)
        self.sizes = sizes
        self.register_buffer('slots', slots, persistent=False)
        self.set_class_counts(class_counts)

    @property
    def class_rows(self):
        return self.slots

    def derive(self) -> None:
        self.check_counts(self.out_features)
        slots, sizes = group_layout(self.class_counts, self.bins)
        if sizes != self.sizes or not slots.equal(self.slots):
            raise ValueError('the new class counts put classes into other groups than those the layer was built for; '
                             f'build it anew with class_counts={self.class_counts.tolist()}')

    def logits(self, x: Tensor) -> Tensor:
        logits = super().logits(x)
        if self.training:
            return logits
        groups = [group.log_softmax(-1) for group in logits.split(self.sizes, -1)]
        return torch.cat(groups, -1).index_select(-1, self.slots)
