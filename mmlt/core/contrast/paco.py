"""Parametric contrast.  M anchors f (M, D) with logits (M, C), K keys (K, D), T temperature."""
import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_range
from ..counts import ClassCounts, log_prior
from .base import FLOOR, ContrastiveLoss


def parametric_contrast(logits: Tensor, similarity: Tensor, positive: Tensor, labels: Tensor, alpha: float):
    """(M, C), (M, K) with FLOOR for what takes no part, (M, K) of zeros and ones, (M,) -> (M,): the mean of
    -log softmax([logits, similarity]) over the own class, of weight 1, and the positive keys, of weight alpha."""
    weight = torch.cat([F.one_hot(labels, logits.size(1)).to(logits.dtype), alpha * positive], 1)
    return F.cross_entropy(torch.cat([logits, similarity], 1), weight, reduction='none') / weight.sum(1)


class PaCoLoss(ContrastiveLoss, ClassCounts):
    """One softmax over the classes' logits, shifted by the prior, and the similarities f k / T to the keys; what it
    should find is the own class and, each with the weight alpha, the keys of that class. PaCo: Cui et al., ICCV 2021,
    arXiv:2107.12028; GPaCo: Cui et al., TPAMI 2023, arXiv:2209.12400.

    ``loss(anchors (M, D), labels (M,), logits (M, C), keys (K, D), key_labels (K,))``. The anchors are keys of one
    another; a negative key label is an empty place. Alpha = 0 without keys is balanced softmax. As released, the logits
    are not divided by T.

    Args:
        temperature (float): T; 0.05 on CIFAR, 0.07 (PaCo) or 0.2 (GPaCo) on ImageNet-LT, 0.2 on iNaturalist.
        alpha (float): weight of a key; 0.01 on CIFAR, 0.05 on large sets.
        class_counts: training counts (C,), or None to have ``ClassCountsHook`` fill them.

    Raises:
        ValueError: the shapes disagree, or a label is no class.
        RuntimeError: no class counts.

    >>> loss = PaCoLoss(0.2, class_counts=[100, 10, 1])
    >>> anchor, key = torch.eye(2)[:1], torch.eye(2)[1:]
    >>> loss(anchor, torch.tensor([1]), torch.tensor([[1., .5, -.5]]), key, torch.tensor([1]))
    tensor(3.0979)
    """

    def __init__(self, temperature: float = 0.2, alpha: float = 0.05, **kwargs):
        check_range(self, '[0, inf)', alpha=alpha)
        super().__init__(temperature, **kwargs)
        self.alpha = alpha

    def derive(self) -> None:
        self.register_buffer('log_prior', log_prior(self.class_counts), persistent=False)

    def losses(self, features: Tensor, labels: Tensor, logits: Tensor, keys: Tensor, key_labels: Tensor):
        self.check_counts(logits.size(-1))
        self.check(features, labels, '(M, D)', len(self.class_counts))
        if logits.shape[:-1] != labels.shape or keys.shape != (len(key_labels), features.size(1)):
            raise ValueError(f'PaCoLoss: logits {tuple(logits.shape)}, keys {tuple(keys.shape)} and their labels '
                             f'{tuple(key_labels.shape)}; expected ({len(labels)}, C), (K, {features.size(1)}), (K,)')
        others, other_labels = torch.cat([features, keys.to(features.dtype)]), torch.cat([labels, key_labels])
        taken = (other_labels >= 0).expand(len(features), -1).clone()
        taken[:, :len(features)].fill_diagonal_(False)
        similarity = (features @ others.t() / self.temperature).masked_fill(~taken, FLOOR)
        positive = (taken & (labels[:, None] == other_labels)).to(features.dtype)
        shifted = logits.to(features.dtype) + self.log_prior.to(features.dtype)
        values = parametric_contrast(shifted, similarity, positive, labels, self.alpha)
        return values, torch.ones_like(values, dtype=torch.bool)
