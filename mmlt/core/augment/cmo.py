"""Context-rich minority oversampling: CutMix that pastes tail images on any background.

N images of H x W, C classes.
"""
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .mixup import CountsAugment, mix, soft_labels


def cut_box(height: int, width: int, lam: Tensor, center: Sequence[int]):
    """CutMix's box: sides sqrt(1 - lambda) of the image's, clipped at its border.

    Half a side is rounded down twice, as in the authors' code. Yun et al., CutMix, ICCV 2019, arXiv:1905.04899.

    Args:
        lam (float): share of the image that stays.
        center (tuple[int, int]): row and column.

    Returns:
        tuple[slice, slice]: rows and columns.

    >>> cut_box(32, 32, 0.36, (5, 30))
    (slice(0, 17, None), slice(18, 32, None))
    """
    side = math.sqrt(1 - lam)
    return tuple(
        slice(max(c - int(size * side) // 2, 0), min(c + int(size * side) // 2, size))
        for size, c in zip((height, width), center))


class ContextMinorityOversample(CountsAugment):
    """Paste a box of a tail-heavy foreground on each image; labels mix by the area that is pasted.

    Park et al., The Majority Can Help the Minority: Context-rich Minority Oversampling for Long-tailed Classification,
    CVPR 2022, arXiv:2112.00412. One box and one lambda ~ Beta(beta, beta) a batch. The paper leaves the first and the
    last three epochs alone: set ``batch_augments`` in stages of ``StageSwitchHook``.

    The paper draws foregrounds from the whole training set, an image with a probability proportional to 1 / n^alpha:
    add ``PartnerHook``. Without it they come from the batch, with the same weights, and classes that the batch lacks
    are left out: of 128 images of CIFAR-100-LT (imbalance 100) the rarest class is drawn about a tenth as often.

    Args:
        alpha (float): exponent of the foreground's weights; 1 makes all classes alike.
        beta (float): of the Beta distribution.
        prob (float): share of the batches that are mixed.
        class_counts: anything :func:`mmlt.core.counts.as_counts` takes, or None to have them set later.
        seed (int, optional): see :class:`BatchAugment`.

    Raises:
        ValueError: alpha or beta <= 0, or prob outside [0, 1].

    >>> cmo = ContextMinorityOversample(prob=1., class_counts=[100, 10], seed=0)
    >>> images, labels = cmo(torch.rand(4, 3, 8, 8), torch.eye(2)[[0, 0, 0, 1]])
    >>> images.shape, labels.sum(1)
    (torch.Size([4, 3, 8, 8]), tensor([1., 1., 1., 1.]))
    """

    def __init__(self, alpha: float = 1.0, beta: float = 1.0, prob: float = 0.5, class_counts: Counts | None = None,
                 seed: int | None = None):
        check_range(self, '(0, inf)', alpha=alpha, beta=beta)
        check_range(self, '[0, 1]', prob=prob)
        super().__init__(seed=seed, class_counts=class_counts)
        self.alpha, self.beta, self.prob = alpha, beta, prob
        self.partner_power = 1 - alpha

    def forward(self, inputs: Tensor, one_hot: Tensor):
        """inputs (N, D, H, W), one_hot (N, C) -> inputs with pasted boxes, soft labels (N, C)."""
        labels = soft_labels(one_hot, inputs)
        counts = self.label_counts(labels)
        if torch.rand((), generator=self.generator) >= self.prob:
            return inputs, labels
        height, width = inputs.shape[2:]
        center = [int(torch.randint(size, (), generator=self.generator)) for size in (height, width)]
        rows, cols = cut_box(height, width, self.draw_beta(self.beta).item(), center)
        images, other = self.draw_partners(inputs, labels, counts)
        mixed = inputs.clone()
        mixed[:, :, rows, cols] = images[:, :, rows, cols]
        lam = 1 - (rows.stop - rows.start) * (cols.stop - cols.start) / (height * width)
        return mixed, mix(labels, other, lam)
