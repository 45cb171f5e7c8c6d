"""A loss that is robust to where the centers of rare classes lie.

z (N, C), features h (N, D), labels y (N,), n_y images of the batch with label y; centers m (C, D), counts (C,).
"""
import torch
from torch import Tensor

from ..checks import check_integer, check_range
from ..counts import Counts
from ..dist import class_sums
from .base import LongTailLoss
from .cross_entropy import adjusted_cross_entropy


def robust_losses(feats: Tensor, labels: Tensor, centers: Tensor, margins: Tensor, temperature: float) -> Tensor:
    """(N, D), (N,), (C, D), (C,), T -> (N,): -log softmax, over the images of the batch, of -(|h - m_y| + margin_y [of
    class y]) / T, at the image itself, over n_y. A class's images sum to their mean."""
    same = labels[:, None] == labels
    far = torch.cdist(centers[labels], feats) + margins[labels, None] * same
    return -(far / -temperature).log_softmax(1).diagonal() / same.sum(1)


class DROLTLoss(LongTailLoss):
    """CE + weight times the mean over the batch's classes of -log softmax, over the batch's images, of minus the
    distance to the class's center, for its own images made longer by margin / sqrt(count): the worst center in a ball,
    larger for rare classes. Samuel and Chechik, Distributional Robustness Loss for Long-tail Learning, ICCV 2021,
    arXiv:2104.03066.

    The second stage of a network that was trained with CE, on class-balanced batches, in which ``natural`` CE keeps its
    prior. The released code learns the margins, which nothing keeps from shrinking and taking the loss with them; these
    shrink with the count as the error of a mean does. There a pass over the training images before each epoch gives the
    centers; here they follow the features as a moving mean over the last ``count`` images of the class, over all ranks.
    mmlt's heads hand it the features.

    Args:
        dim (int): D.
        weight (float): of the robust part.
        margin (float): of a class of one image.
        temperature (float): T.
        natural (bool): weigh CE by the class counts, for class-balanced batches.

    Raises:
        ValueError: no features, or of another width, or soft rows.

    >>> loss = DROLTLoss(class_counts=[4, 1], dim=2)
    >>> loss(torch.zeros(3, 2), torch.tensor([0, 0, 1]), feats=torch.eye(3)[:, :2])
    tensor(1.8896)
    """

    requires = ('feats', )
    sized = ('centers', )

    def __init__(self, class_counts: Counts | None = None, *, dim: int, weight: float = 1.0, margin: float = 1.0,
                 temperature: float = 1.0, natural: bool = True, **kwargs):
        check_integer(self, 1, dim=dim)
        check_range(self, '[0, inf)', weight=weight, margin=margin)
        check_range(self, '(0, inf)', temperature=temperature)
        super().__init__(**kwargs)
        self.dim, self.weight, self.margin, self.temperature, self.natural = dim, weight, margin, temperature, natural
        self.centers = self.centers.new_zeros(len(self.centers), dim, dtype=torch.float32)
        self.take(class_counts)

    def losses(self, logits: Tensor, target: Tensor, feats: Tensor | None = None) -> Tensor:
        if feats is None or feats.shape != (len(logits), self.dim):
            raise ValueError(f'DROLTLoss needs feats=({len(logits)}, dim={self.dim}), the input of the classifier, got '
                             f'{None if feats is None else tuple(feats.shape)}; LongTailClsHead passes it')
        if target.ndim == 2:
            raise ValueError('DROLTLoss takes labels (N,), got soft rows; leave out mixup and label smoothing')
        feats = feats.to(logits.dtype)
        if self.counting:
            self.follow(feats.detach(), target)
        counts = self.class_counts.to(logits.dtype)
        ce = adjusted_cross_entropy(logits, target)
        if self.natural:
            ce = ce * (counts[target] / counts[target].mean())
        robust = robust_losses(feats, target, self.centers.to(logits.dtype), self.margin * counts.rsqrt(),
                               self.temperature)
        present = torch.zeros_like(counts).index_fill_(0, target, 1).sum()
        return ce + self.weight * robust * (len(robust) / present)

    @torch.no_grad()
    def follow(self, feats: Tensor, labels: Tensor) -> None:
        """(N, D), (N,): move the centers of the batch's classes. A class's first batch is its center."""
        sums, number = class_sums(feats.to(self.centers.dtype), labels, len(self.centers))
        rate = (number / self.class_counts.to(sums.dtype)).clamp_(max=1)
        rate = torch.where(self.centers.any(1), rate, (number > 0).to(rate))
        self.centers.lerp_(sums.div_(number.clamp(min=1)[:, None]), rate[:, None])
