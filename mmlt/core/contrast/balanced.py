"""Balanced contrast.  Views f (N, V, D), M = N V anchors, prototypes (C, D)."""
import torch
from torch import Tensor

from ..dist import gather
from .base import FLOOR, ContrastiveLoss, contrast


def balanced_contrast(features: Tensor, labels: Tensor, prototypes: Tensor, temperature: float):
    """(M, D), (M,), (C, D) -> losses (M,).

    The mean over the keys of class c is a bias of -log |A_c| on each of them; in the anchor's own class the anchor
    does not count.
    """
    classes = torch.arange(len(prototypes), device=labels.device)
    keys, key_labels = torch.cat([features, prototypes]), torch.cat([labels, classes])
    size = features.new_ones(len(prototypes)).index_add(0, labels, features.new_ones(len(labels)))  # |A_c|
    own = size[labels] - 1
    same = labels[:, None] == key_labels
    bias = torch.where(same, -own.log()[:, None], -size.log()[key_labels]).fill_diagonal_(FLOOR)
    positive = same.to(features.dtype).fill_diagonal_(0)
    return contrast(features, keys, temperature, bias, positive, own) - own.log()


class BalancedContrastiveLoss(ContrastiveLoss):
    """BCL: supervised contrast in which every class has one share of the denominator, and a prototype that stands in
    for it where the batch has none of its images. Zhu et al., CVPR 2022, arXiv:2207.09052.

    Over the joint batch of all ranks, as the released code gathers it. ``loss(features (N, V, D), labels (N,),
    prototypes (C, D))``; prototypes come in unit length.

    Raises:
        ValueError: features are not (N, V, D), labels are not N integers in 0 .. C - 1, or prototypes are not (C, D).
    """
    requires = ('prototypes', )
    joint = True

    def losses(self, features: Tensor, labels: Tensor, prototypes: Tensor):
        if prototypes.ndim != 2 or prototypes.size(1) != features.size(-1):
            raise ValueError(f'BalancedContrastiveLoss: prototypes have shape {tuple(prototypes.shape)}, expected '
                             f'(C, {features.size(-1)}) for features {tuple(features.shape)}')
        self.check(features, labels, '(N, V, D)', len(prototypes))
        features, labels = gather(features), gather(labels)
        views = features.shape[:2]
        labels = labels.repeat_interleave(views[1])
        values = balanced_contrast(features.flatten(0, 1), labels, prototypes, self.temperature).view(views)
        return values, torch.ones_like(values, dtype=torch.bool)
