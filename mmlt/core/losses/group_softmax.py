"""Balanced group softmax.  C classes in G groups of similar count; logits (N, C + G), each group led by its "others".

Group g owns the slots [others, its classes, ascending]; groups follow the order of the bins, empty ones own nothing.
"""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from ..layers.group_softmax import check_bins, group_layout
from ..random import Draws
from .base import LongTailLoss


class BalancedGroupSoftmaxLoss(LongTailLoss):
    """Softmax only among classes of similar count. Li et al., BAGS, CVPR 2020, arXiv:2006.10408.

    The form for classification, without the background group. In each group the images of other classes are
    "others", of which a random ``others_ratio`` times as many as the group has images take part (in evaluation all,
    with that expected weight); a group without an image in the batch gives 0. Use it with ``GroupSoftmaxLinear``.

    Args:
        bins (tuple[int]): counts at which a new group begins.
        others_ratio (float): beta.
        seed (int): of the draws.
    """

    def __init__(self, class_counts: Counts | None = None, *, bins: Sequence[float] = (10, 100, 1000),
                 others_ratio: float = 8.0, seed: int = 0, **kwargs):
        check_bins(bins)
        check_range(self, '[0, inf)', others_ratio=others_ratio)
        self.bins = tuple(bins)
        self.widths = []
        super().__init__(class_counts, **kwargs)
        self.others_ratio = others_ratio
        self.draws = Draws(seed)

    def derive(self) -> None:
        super().derive()
        columns, self.widths = group_layout(self.class_counts, self.bins)
        widths = columns.new_tensor(self.widths)
        starts = widths.cumsum(0) - widths
        group_of = torch.bucketize(columns, starts, right=True) - 1
        self.register_buffer('column_of', columns, persistent=False)
        self.register_buffer('group_of', group_of, persistent=False)
        self.register_buffer('slot_of', columns - starts[group_of], persistent=False)

    def get_cls_channels(self, num_classes: int):
        """C -> C + G, the number of logits."""
        self.check_counts(num_classes)
        return num_classes + len(self.widths)

    def get_activation(self, logits: Tensor):
        """(N, C + G) -> scores (N, C): each class's probability in its own group. They do not sum to 1."""
        self.check_counts(self.classes_of(logits))
        probs = torch.cat([part.softmax(1) for part in logits.split(self.widths, 1)], 1)
        return probs[:, self.column_of]

    def classes_of(self, logits: Tensor):
        return logits.size(1) - len(self.widths)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        log_p = [part.log_softmax(1) for part in logits.split(self.widths, 1)]
        if target.ndim == 1:
            slot = self.slot_of[target][:, None]
            inside = F.one_hot(self.group_of[target], len(log_p)).to(logits.dtype)
            own = [part.gather(1, slot.clamp(max=part.size(1) - 1)).squeeze(1) for part in log_p]
            own = torch.stack(own, 1) * inside
        else:
            rows = torch.zeros_like(logits).index_copy(1, self.column_of, target).split(self.widths, 1)
            inside = torch.stack([row.sum(1) for row in rows], 1)
            own = torch.stack([(row * part).sum(1) for row, part in zip(rows, log_p)], 1)
        others = self.sample_others(inside)
        present = inside.sum(0)
        share = (present > 0) * len(logits) / (present + others.sum(0)).clamp(min=1)  # the mean over N undoes N
        return -((own + others * torch.stack([part[:, 0] for part in log_p], 1)) * share).sum(1)

    def sample_others(self, inside: Tensor):
        """Mass (N, G) of the rows in each group -> weight (N, G) of its "others"."""
        others = (1 - inside).clamp(min=0)
        eligible = others > 1e-6
        number = (self.others_ratio * inside.sum(0) + 1e-4).floor()
        if not self.training:
            return others * (number / eligible.sum(0).clamp(min=1)).clamp(max=1)
        draw = torch.rand(inside.shape, generator=self.draws.generator(inside.device), device=inside.device)
        rank = draw.masked_fill(~eligible, 2).argsort(0).argsort(0)
        return others * (rank < number)
