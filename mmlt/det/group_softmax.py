"""Balanced group softmax with a background.  C classes in G groups of similar count; logits (N, C + 2 + G).

Columns: the C classes in their order, background, foreground, then the "others" of each group. So the width does not
depend on the counts, and the first C + 1 columns are those of a plain classifier.
"""
import torch
import torch.nn.functional as F

from ..core import losses
from .base import RoILoss, group_index


class BalancedGroupSoftmaxLoss(RoILoss, losses.BalancedGroupSoftmaxLoss):
    """Softmax among classes of similar count, beside one of foreground against background. Li et al., BAGS, CVPR 2020,
    arXiv:2006.10408.

    In the group of its class a RoI has its label, in the others "others", as background RoIs have everywhere. A random
    ``others_ratio`` times as many others as a group has positives take part; a group without positives gives 0. The
    loss is the sum over the groups. At test a class scores P(foreground) P_group(class); scores need not sum to 1. The
    paper trains the classifier alone, from a converged detector.

    Args:
        bins (tuple[int]): instance counts at which a new group begins. Groups may be empty.
        others_ratio (float): beta.
        seed (int): of the draws.

    >>> loss = BalancedGroupSoftmaxLoss(class_counts=[500, 3, 40], bins=(10, 100))
    >>> loss.get_cls_channels(3)
    8
    >>> loss.get_activation(torch.zeros(1, 8))
    tensor([[0.2500, 0.2500, 0.2500, 0.5000]])
    """

    allow_empty = True

    @property
    def extra_channels(self):
        return 3 + len(self.bins)

    def derive(self):
        num_classes = len(self.class_counts)
        group_of = group_index(self.class_counts, self.bins)
        sizes = torch.bincount(group_of, minlength=len(self.bins) + 1)
        members = group_of.argsort(stable=True).split(sizes.tolist())
        self.widths = [1 + len(part) for part in members]
        order = torch.cat([F.pad(part, (1, 0), value=num_classes + 2 + g) for g, part in enumerate(members)])
        column_of = order.argsort()[:num_classes]  # the classes are the smallest columns
        starts = (sizes + 1).cumsum(0) - sizes - 1
        self.register_buffer('order', order, persistent=False)
        self.register_buffer('group_of', group_of, persistent=False)
        self.register_buffer('column_of', column_of, persistent=False)
        self.register_buffer('slot_of', column_of - starts[group_of], persistent=False)

    def split(self, logits):
        """(N, C + 2 + G) -> (background, foreground) (N, 2) and the logits of each group, "others" first."""
        pair = logits[:, self.num_classes:self.num_classes + 2]
        return pair, logits.index_select(1, self.order).split(self.widths, 1)

    def get_activation(self, logits):
        self.check_counts()
        pair, groups = self.split(logits)
        pair = pair.softmax(1)
        scores = torch.cat([group.softmax(1) for group in groups], 1).index_select(1, self.column_of)
        return torch.cat([scores * pair[:, 1:], pair[:, :1]], 1)

    def losses(self, logits, target):
        pair, groups = self.split(logits)
        background = target == self.num_classes
        own_class = target.clamp(max=self.num_classes - 1)
        inside = F.one_hot(self.group_of[own_class], len(groups)) * ~background[:, None]
        slots = self.slot_of[own_class][:, None] * inside
        log_p = [group.log_softmax(1) for group in groups]
        nll = -torch.cat([part.gather(1, slot[:, None]) for part, slot in zip(log_p, slots.unbind(1))], 1)
        inside = inside.to(nll.dtype)
        taken = inside + self.sample_others(inside)
        present = inside.sum(0) > 0
        share = present * len(logits) / taken.sum(0).clamp(min=1)  # the mean over N undoes N
        return F.cross_entropy(pair, (~background).long(), reduction='none') + (nll * taken * share).sum(1)
