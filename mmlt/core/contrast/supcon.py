"""Supervised contrast.  Views f (N, V, D), M = N V anchors."""
import torch
from torch import Tensor

from ..dist import gather
from .base import FLOOR, ContrastiveLoss, contrast


def sup_con(features: Tensor, labels: Tensor, temperature: float):
    """(M, D), (M,) -> losses (M,), and which anchors have a positive (M,)."""
    positive = (labels[:, None] == labels).to(features.dtype).fill_diagonal_(0)
    count = positive.sum(1)
    bias = torch.zeros_like(positive).fill_diagonal_(FLOOR)
    return contrast(features, features, temperature, bias, positive, count.clamp(min=1)), count > 0


class SupConLoss(ContrastiveLoss):
    """-1/|P_i| sum_p log(e^(f_i f_p / T) / sum_(k != i) e^(f_i f_k / T)) over the views of the joint batch of all
    ranks. Khosla et al., NeurIPS 2020, arXiv:2004.11362; the feature branch of Hybrid-SC, Wang et al., CVPR 2021,
    arXiv:2103.14267.

    An anchor without a positive is skipped. ``loss(features (N, V, D), labels (N,))``.

    Raises:
        ValueError: features are not (N, V, D), or labels are not N integers.

    >>> loss = SupConLoss(temperature=0.5)
    >>> loss(torch.eye(2).repeat(2, 1, 1), torch.tensor([0, 0]))
    tensor(1.5729)
    """
    joint = True

    def losses(self, features: Tensor, labels: Tensor):
        self.check(features, labels, '(N, V, D)')
        features, labels = gather(features), gather(labels)
        views = features.shape[:2]
        values, valid = sup_con(features.flatten(0, 1), labels.repeat_interleave(views[1]), self.temperature)
        return values.view(views), valid.view(views)
