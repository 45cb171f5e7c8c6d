"""UniMix: mixup with partners from the tail and factors that lean towards the smaller class.

N images, C classes; image i of class count n_i is mixed with weight lambda, its partner j with 1 - lambda.
"""
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .mixup import CountsAugment, mix, soft_labels


def unimix_lambda(lam: Tensor, n_i: Tensor, n_j: Tensor) -> Tensor:
    """(N,) -> (N,): (lambda + n_j / (n_i + n_j)) mod 1.

    A symmetric lambda in [0, 1] with its mass at 0 and 1 gets it at the partner's share of the two counts instead.

    >>> import torch
    >>> unimix_lambda(torch.tensor([0., 0.95]), torch.tensor([100., 100.]), torch.tensor([10., 10.]))
    tensor([0.0909, 0.0409])
    """
    return (lam + n_j / (n_i + n_j)) % 1


class UniMix(CountsAugment):
    """Mixup with a tail-heavy partner and a factor lambda of its own for each image, shared by input and label.

    lambda = (Beta(alpha, alpha) + n_j / (n_i + n_j)) mod 1. Xu et al., Towards Calibrated Model for Long-Tailed Visual
    Recognition from Prior Perspective, NeurIPS 2021, arXiv:2111.03874; its loss is logit adjustment with tau=1.

    The paper draws partners from the whole training set, class c with a probability proportional to n_c^tau: add
    ``PartnerHook``. Without it, as in the authors' code, they come from the batch, where rare classes are rare.

    Args:
        alpha (float): of the Beta distribution.
        tau (float): -1 is the paper's; 1 gives uniform partners, 0 balanced ones. The authors' code weighs an image of
            the batch by n^tau instead: its tau, -0.1 on CIFAR-100-LT and -0.5 on CIFAR-10-LT, is 0.9 and 0.5 here.
        class_counts: anything :func:`mmlt.core.counts.as_counts` takes, or None to have them set later.
        seed (int, optional): see :class:`BatchAugment`.

    Raises:
        ValueError: alpha <= 0 or a tau that is not finite.

    >>> import torch
    >>> unimix = UniMix(class_counts=[100, 10], seed=0)
    >>> images, labels = unimix(torch.rand(4, 3, 8, 8), torch.eye(2)[[0, 0, 0, 1]])
    >>> images.shape, labels.sum(1)
    (torch.Size([4, 3, 8, 8]), tensor([1., 1., 1., 1.]))
    """

    def __init__(self, alpha: float = 0.8, tau: float = -1.0, class_counts: Counts | None = None,
                 seed: int | None = None):
        check_range(self, '(0, inf)', alpha=alpha)
        check_range(self, '(-inf, inf)', tau=tau)
        super().__init__(seed=seed, class_counts=class_counts)
        self.alpha, self.tau = alpha, tau
        self.partner_power = tau

    def forward(self, inputs: Tensor, one_hot: Tensor):
        """inputs (N, ...), one_hot (N, C) -> mixed inputs, soft labels (N, C)."""
        labels = soft_labels(one_hot, inputs)
        counts = self.label_counts(labels)
        images, other = self.draw_partners(inputs, labels, counts)
        lam = self.draw_beta(self.alpha, len(inputs)).to(counts, non_blocking=True)
        lam = unimix_lambda(lam, counts, self.label_counts(other))
        return mix(inputs, images, lam), mix(labels, other, lam)
