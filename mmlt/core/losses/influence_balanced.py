"""Influence-balanced loss.  z (N, C), p = softmax z, features h (N, D)."""
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts, inverse_weights
from .base import LongTailLoss


def influence_balanced(logits: Tensor, target: Tensor, feats: Tensor, alpha: float = 1000.0,
                       detach: bool = False) -> Tensor:
    """CE alpha / (|p - Y|_1 |h|_1 + 1e-3), (N, C), (N,) or (N, C), (N, D) -> (N,)."""
    norm = feats.to(logits.dtype).abs().sum(1)
    if target.ndim == 1:
        return _balanced(F.cross_entropy(logits, target, reduction='none'), norm, alpha, detach)
    return (target * _balanced(-logits.log_softmax(1), norm[:, None], alpha, detach)).sum(1)


def _balanced(nll, norm, alpha, detach):
    influence = -2 * torch.expm1(-nll) * norm  # |p - onehot|_1 = 2 (1 - p_y)
    return nll * alpha / ((influence.detach() if detach else influence) + 1e-3)


class InfluenceBalancedLoss(LongTailLoss):
    """CE divided by the sample's influence on the decision boundary, times 1 / n_c. Park et al., ICCV 2021,
    arXiv:2110.02444.

    A loss for the second half of training, after CE; mmlt's heads hand it the features.

    Args:
        alpha (float): a factor of the whole that brings it to the size of CE.
        detach (bool): keep the factor out of the gradient. The released code does not.
    """

    requires = ('feats', )

    def __init__(self, class_counts: Counts | None = None, *, alpha: float = 1000.0, detach: bool = False, **kwargs):
        check_range(self, '(0, inf)', alpha=alpha)
        super().__init__(class_counts, **kwargs)
        self.alpha = alpha
        self.detach = detach

    def class_weights(self, num_classes: int):
        return inverse_weights(self.class_counts)

    def losses(self, logits: Tensor, target: Tensor, feats: Tensor | None = None) -> Tensor:
        if feats is None or feats.ndim != 2 or len(feats) != len(logits):
            raise ValueError(f'InfluenceBalancedLoss needs feats=(N, D), the input of the classifier, with '
                             f'N={len(logits)}, got {None if feats is None else tuple(feats.shape)}; '
                             'LongTailClsHead passes it')
        return influence_balanced(logits, target, feats, self.alpha, self.detach)
