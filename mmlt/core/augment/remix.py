"""Remix: mixup whose label goes to the minority class.

N images, C classes; image i of class count n_i is mixed with weight lambda, its partner j with 1 - lambda.
"""
import torch
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .mixup import CountsAugment, mix, soft_labels


def remix_lambda(lam: Tensor, n_i: Tensor, n_j: Tensor, kappa: float = 3., tau: float = 0.5):
    """Label factor of image i: 0 if n_i >= kappa n_j and lambda < tau; 1 if n_j >= kappa n_i and 1 - lambda < tau;
    otherwise lambda.

    Args:
        lam (float): weight of image i in the mixed input.
        n_i, n_j (Tensor): (N,) class counts of the images and of their partners.

    Returns:
        Tensor: float32 (N,).

    >>> remix_lambda(0.4, torch.tensor([100., 10., 100.]), torch.tensor([10., 100., 50.]))
    tensor([0.0000, 0.4000, 0.4000])
    """
    factor = torch.full(n_i.shape, float(lam), device=n_i.device)
    if lam < tau:
        factor.masked_fill_(n_i >= kappa * n_j, 0)
    if 1 - lam < tau:
        factor.masked_fill_(n_j >= kappa * n_i, 1)
    return factor


class Remix(CountsAugment):
    """Mixup of the inputs with one lambda ~ Beta(alpha, alpha) a batch, and a label factor of its own for each image:
    a pair of classes whose counts differ by ``kappa`` takes the label of the smaller one.

    Chou et al., Remix: Rebalanced Mixup, ECCV Workshops 2020, arXiv:2007.03943. The code of Bag of Tricks averages the
    label factors over the batch first; here they stay with their images.

    Args:
        alpha (float): of the Beta distribution.
        kappa (float): ratio of counts, at least 1, from which on the smaller class gets the label.
        tau (float): the larger class keeps its label where its image has at least this weight, in [0, 1].
        class_counts: anything :func:`mmlt.core.counts.as_counts` takes, or None to have them set later.
        seed (int, optional): see :class:`BatchAugment`.

    Raises:
        ValueError: an argument out of its range.

    >>> remix = Remix(class_counts=[100, 10], seed=0)
    >>> images, labels = remix(torch.rand(4, 3, 8, 8), torch.eye(2)[[0, 0, 0, 1]])
    >>> images.shape, labels.sum(1)
    (torch.Size([4, 3, 8, 8]), tensor([1., 1., 1., 1.]))
    """

    def __init__(self, alpha: float = 1.0, kappa: float = 3.0, tau: float = 0.5, class_counts: Counts | None = None,
                 seed: int | None = None):
        check_range(self, '(0, inf)', alpha=alpha)
        check_range(self, '[1, inf]', kappa=kappa)
        check_range(self, '[0, 1]', tau=tau)
        super().__init__(seed=seed, class_counts=class_counts)
        self.alpha, self.kappa, self.tau = alpha, kappa, tau

    def forward(self, inputs: Tensor, one_hot: Tensor):
        """inputs (N, ...), one_hot (N, C) -> mixed inputs, soft labels (N, C)."""
        labels = soft_labels(one_hot, inputs)
        counts = self.label_counts(labels)
        lam = self.draw_beta(self.alpha).item()
        index = self.draw_permutation(len(inputs), inputs.device)
        label_lam = remix_lambda(lam, counts, counts[index], self.kappa, self.tau)
        return mix(inputs, inputs[index], lam), mix(labels, labels[index], label_lam)
