"""Cross entropy of features drawn around each image's own.

z (N, C) = h W', labels y (N,), features h (N, D), classifier W (C, D); S_c the covariance of the features of class c,
(C, D, D) or its diagonal (C, D).
"""
import torch
from torch import Tensor

from ..checks import check_integer, check_range
from ..counts import Counts
from ..dist import class_sums
from ..precision import no_autocast
from .base import ClassWeightedLoss
from .ldam import ldam_margins, margin_cross_entropy


def augmented_logits(logits: Tensor, target: Tensor, weight: Tensor, covariances: Tensor, strength: float) -> Tensor:
    """(N, C), (N,), W, S -> (N, C): z_c + strength / 2 (w_c - w_y)' S_y (w_c - w_y), whose CE bounds from above the
    mean CE of features drawn from N(h, strength S_y)."""
    own, spread = weight[target], covariances[target]
    if covariances.ndim == 3:
        apart = weight - own[:, None]
        spread = ((apart @ spread) * apart).sum(2)
    else:  # without (N, C, D)
        spread = spread @ weight.square().t() - 2 * (spread * own) @ weight.t() + (spread * own**2).sum(1, keepdim=True)
        spread = spread.scatter(1, target[:, None], 0)
    return logits + strength / 2 * spread


class ISDALoss(ClassWeightedLoss):
    """CE over all features that a normal law with the covariance of the class draws around the image's own: ISDA, Wang
    et al., NeurIPS 2019, arXiv:1909.12220. With ``class_weight='effective', avg='weight'``, in the last fifth of a run,
    this is MetaSAug, Li et al., CVPR 2021, arXiv:2103.12579, without its meta step.

    That step moves the covariances along the gradient of a balanced batch, of images beside the training set, after a
    virtual step of the network. With the released rates it changes them by a millionth and the gradient of the network
    by less than a thousandth (CIFAR-100-LT).

    Means and covariances are those of all images that were seen in training since the loss began, on all ranks. Takes
    ``class_weight``, ``beta`` and the arguments of :class:`LongTailLoss`. mmlt's heads hand it the features, the weight
    of their linear classifier and how far the run is.

    Args:
        dim (int): D.
        strength (float): lambda_0; the covariances count ``strength * epoch / max_epochs`` times.
        diagonal (bool): keep the diagonals alone; in full, C x D x D numbers are kept and N x D x D made.
        max_margin (float): the margin of the rarest class, as LDAM's, on the logits as they are.

    Raises:
        ValueError: soft rows; features, weights or progress are missing, or of another width.

    >>> loss = ISDALoss(class_counts=[4, 1], dim=2)
    >>> weight, feats = torch.eye(2), torch.tensor([[1.0, 2], [3, 1], [0, 1]])
    >>> more = dict(feats=feats, class_vectors=weight, progress=(160, 200))
    >>> [loss(feats @ weight.t(), torch.tensor([0, 0, 1]), **more) for _ in range(2)]  # no covariance, then one
    [tensor(0.5845), tensor(0.6207)]
    """

    requires = ('feats', 'class_vectors', 'progress')
    sized = ('means', 'covariances', 'seen')

    def __init__(self, class_counts: Counts | None = None, *, dim: int, strength: float = 0.25, diagonal: bool = True,
                 max_margin: float = 0.0, **kwargs):
        check_integer(self, 1, dim=dim)
        check_range(self, '[0, inf)', strength=strength, max_margin=max_margin)
        super().__init__(**kwargs)
        self.dim, self.strength, self.diagonal, self.max_margin = dim, strength, diagonal, max_margin
        for name, shape in (('means', (dim, )), ('covariances', (dim, ) if diagonal else (dim, dim)), ('seen', ())):
            buffer = getattr(self, name)
            setattr(self, name, buffer.new_zeros(len(buffer), *shape, dtype=torch.float32))
        self.take(class_counts)

    def losses(self, logits: Tensor, target: Tensor, feats: Tensor | None = None, class_vectors: Tensor | None = None,
               progress: tuple | None = None) -> Tensor:
        for name, x, rows in (('feats', feats, len(logits)), ('class_vectors', class_vectors, logits.size(1))):
            if x is None or x.shape != (rows, self.dim):
                raise ValueError(f'ISDALoss needs {name}=({rows}, dim={self.dim}), got '
                                 f'{None if x is None else tuple(x.shape)}; LongTailClsHead passes feats and, of a '
                                 'linear classifier, its weight')
        if progress is None:
            raise ValueError('ISDALoss needs progress=(epoch, max_epochs), got None; LongTailClsHead passes it')
        if target.ndim == 2:
            raise ValueError('ISDALoss takes labels (N,), got soft rows; leave out mixup and label smoothing')
        strength = self.strength * progress[0] / progress[1]
        with no_autocast(logits):
            augmented = augmented_logits(logits, target, class_vectors.to(logits.dtype),
                                         self.covariances.to(logits.dtype), strength)
            if self.counting:
                self.follow(feats.detach().to(self.means.dtype), target)
        margins = ldam_margins(self.class_counts, self.max_margin)
        return margin_cross_entropy(augmented, target, margins.to(logits.dtype))

    @torch.no_grad()
    def follow(self, feats: Tensor, labels: Tensor) -> None:
        """(N, D), (N,): take the batch into means and covariances."""
        apart = feats - self.means[labels]
        sums, number = class_sums(torch.cat([apart, self._squares(apart)], 1), labels, len(self.seen))
        self.seen += number
        total = self.seen.clamp(min=1)[:, None]
        shift, squares = (sums / total).tensor_split([self.dim], 1)
        self.means += shift
        self.covariances.mul_((1 - number[:, None] / total).view(-1, *[1] * (self.covariances.ndim - 1)))
        self.covariances += (squares - self._squares(shift)).view_as(self.covariances)

    def _squares(self, x):
        """(N, D) -> their squares (N, D), or products (N, D D)."""
        return x.square() if self.diagonal else (x[:, :, None] * x[:, None]).flatten(1)
