"""Distribution-balanced loss for multi-label data.  z (N, C), multi-hot Y (N, C), n_c of num_images images have c."""
import torch
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .base import LongTailLoss
from .sigmoid import focal_bce


def rebalanced_weights(target: Tensor, counts: Tensor, alpha: float = 0.1, beta: float = 10.0, mu: float = 0.2,
                       factor: float = 1.0):
    """factor (alpha + sigmoid(beta (r - mu))) with r_c = (1 / n_c) / sum_k Y_k / n_k, (N, C); in an empty row r = inf.
    """
    inverse = (1 / counts).to(target.dtype)
    total = (target * inverse).sum(1, keepdim=True).clamp_(min=torch.finfo(target.dtype).tiny)
    share = beta / total * inverse
    return torch.rsub(share.sub_(beta * mu).sigmoid_(), factor * alpha, alpha=-factor)


def distribution_balanced(logits: Tensor, target: Tensor, weights: Tensor, bias: Tensor, neg_scale: float = 2.0,
                          gamma: float = 2.0) -> Tensor:
    """Elements w / a (1 - p_t)^gamma BCE(a (z + v), Y), a = 1 for positives and ``neg_scale`` for negatives,
    (N, C) -> (N, C).

    Args:
        weights (Tensor): w (N, C) of :func:`rebalanced_weights`.
        bias (Tensor): v (C,), added to the logits in training.
    """
    scale = torch.rsub(target, neg_scale, alpha=neg_scale - 1)
    return focal_bce(logits, target, gamma, weights, scale, bias)


class DistributionBalancedLoss(LongTailLoss):
    """Re-balanced, negative-tolerant focal loss for multi-label data. Wu et al., ECCV 2020, arXiv:2007.09654.

    Targets are multi-hot rows (N, C). ``'mean'`` is over N·C, as the authors' code; with ``avg_factor``, as
    MMPretrain's heads pass N, it is the sum over it. ``'none'`` gives (N, C). At test use the raw logits. Defaults are
    those of the published COCO-MLT models (VOC-MLT: ``mu=0.3, neg_scale=5.0``).

    Args:
        alpha, beta, mu (float): lift, slope and centre of the re-balancing map.
        neg_scale (float): lambda, scale of the negatives' logits.
        init_bias (float): kappa; the bias is -kappa log(num_images / n_c - 1) / lambda.
        gamma (float): of the focal term.
        balance_param (float): a factor of the whole.
        num_images (int, optional): images of the training set, which the counts of a multi-label set do not tell.
            ``ClassCountsHook`` sets it; elsewhere it is required.
    """

    multi_label = True

    def __init__(self, class_counts: Counts | None = None, *, alpha: float = 0.1, beta: float = 10.0, mu: float = 0.2,
                 neg_scale: float = 2.0, init_bias: float = 0.05, gamma: float = 2.0, balance_param: float = 2.0,
                 num_images: int | None = None, **kwargs):
        check_range(self, '(0, inf)', neg_scale=neg_scale, balance_param=balance_param)
        if num_images is not None:
            check_range(self, '(0, inf)', num_images=num_images)
        check_range(self, '[0, inf)', alpha=alpha, beta=beta, gamma=gamma)
        check_range(self, '(-inf, inf)', mu=mu, init_bias=init_bias)
        self.num_images = num_images
        super().__init__(class_counts, **kwargs)
        self.alpha = alpha
        self.beta = beta
        self.mu = mu
        self.neg_scale = neg_scale
        self.init_bias = init_bias
        self.gamma = gamma
        self.balance_param = balance_param

    def derive(self) -> None:
        super().derive()
        if self.num_images and self.class_counts.device.type == 'cpu' and self.class_counts.max() >= self.num_images:
            raise ValueError(f'a class has {self.class_counts.max().item():g} images, num_images={self.num_images}; '
                             'each class must miss in at least one image')

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.num_images is None:
            raise RuntimeError('DistributionBalancedLoss does not know the size of the training set, which multi-label '
                               'counts do not tell; pass num_images=..., or add ClassCountsHook')
        bias = -self.init_bias / self.neg_scale * (self.num_images / self.class_counts - 1).log()
        weights = rebalanced_weights(target, self.class_counts, self.alpha, self.beta, self.mu, self.balance_param)
        return distribution_balanced(logits, target, weights, bias.to(logits.dtype), self.neg_scale, self.gamma)
