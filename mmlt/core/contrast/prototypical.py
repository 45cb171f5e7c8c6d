"""Contrast with a prototype a class.  Features f (N, D), prototypes p (C, D)."""
import torch
from torch import Tensor
from torch.nn import functional as F

from ..precision import unit
from .base import FLOOR, ContrastiveLoss


def prototypical_contrast(features: Tensor, labels: Tensor, prototypes: Tensor, temperature: float,
                          include_positive: bool = False) -> Tensor:
    """(N, D), (N,), (C, D) -> (N,)."""
    logits = features @ unit(prototypes).t() / temperature
    if include_positive:
        return F.cross_entropy(logits, labels, reduction='none')
    labels = labels[:, None]
    return logits.scatter(1, labels, FLOOR).logsumexp(1) - logits.gather(1, labels)[:, 0]


class PrototypicalContrastiveLoss(ContrastiveLoss):
    """-log(e^(f p_y / T) / sum_(c != y) e^(f p_c / T)), the feature branch of Hybrid-PSC. Wang et al., CVPR 2021,
    arXiv:2103.14267.

    As in the paper the denominator leaves out the positive, so the loss can be negative. Prototypes are brought to
    unit length. ``loss(features (N, D), labels (N,), prototypes (C, D))``.

    Args:
        include_positive (bool): the positive is in the denominator too: CE of a cosine classifier.

    Raises:
        ValueError: features are not (N, D), labels are not N integers in 0 .. C - 1, or prototypes are not (C, D) with
            C >= 2.
    """

    requires = ('prototypes', )

    def __init__(self, temperature: float = 0.1, include_positive: bool = False, **kwargs):
        super().__init__(temperature, **kwargs)
        self.include_positive = include_positive

    def losses(self, features: Tensor, labels: Tensor, prototypes: Tensor):
        if prototypes.ndim != 2 or prototypes.size(1) != features.size(-1) or len(prototypes) < 2:
            raise ValueError(f'PrototypicalContrastiveLoss: prototypes have shape {tuple(prototypes.shape)}, expected '
                             f'(C, {features.size(-1)}) with C >= 2 for features {tuple(features.shape)}')
        self.check(features, labels, '(N, D)', len(prototypes))
        values = prototypical_contrast(features, labels, prototypes, self.temperature, self.include_positive)
        return values, torch.ones_like(labels, dtype=torch.bool)
