"""One-vs-all losses of RoI heads.  z (N, C + 1), the last logit for background; labels (N,)."""
import torch
from torch.nn import functional as F

from ..core import losses
from ..core.losses.sigmoid import weighted_bce
from ..core.random import Draws
from .base import SigmoidRoILoss, group_index


class EqualizationLoss(SigmoidRoILoss, losses.EqualizationLoss):
    """Rare classes are no negatives of foreground RoIs. Tan et al., CVPR 2020, arXiv:2003.05176.

    Background RoIs keep all their negatives, and so does the background logit.

    Args:
        threshold (float): a class is rare if it appears in less than this share of the images: 1.77e-3 is for LVIS
            v0.5, 1.1e-3 for v1.
        num_images (int, optional): training images; ``ClassCountsHook`` sets it.
    """

    count_unit = 'image'

    def __init__(self, class_counts=None, *, threshold=1.77e-3, num_images=None, **kwargs):
        super().__init__(class_counts, threshold=threshold, **kwargs)
        self.num_images = num_images

    def losses(self, logits, target):
        if self.num_images is None:
            raise RuntimeError('EqualizationLoss compares image counts with the number of training images; pass '
                               'num_images=, or add dict(type="ClassCountsHook") to custom_hooks')
        frequent = F.pad(self.class_counts >= self.threshold * self.num_images, (0, 1), value=True)
        return weighted_bce(logits, target, negative=(frequent | self.is_background(target)).to(logits.dtype))


class EqualizationLossV2(SigmoidRoILoss, losses.EqualizationLossV2):
    """Each class re-balanced by its gradients so far. Tan et al., CVPR 2021, arXiv:2012.08548.

    The background logit is a plain binary problem and, at test, the objectness that the scores are multiplied with.
    Unlike MMDetection's ``EQLV2Loss`` it has the flags that make heads call its activation, heeds ``label_weights`` and
    ``avg_factor``, and sums over ranks by itself.

    >>> loss = EqualizationLossV2()
    >>> loss.get_cls_channels(2)
    3
    >>> loss.get_activation(torch.tensor([[0., 100., 0.]]))
    tensor([[0.2500, 0.5000, 0.5000]])
    """

    test_with_obj = True

    def derive(self):
        """Class counts, if any, are of no use here."""

    def balance(self):
        positive, negative = super().balance()
        return F.pad(positive[:-1], (0, 1), value=1.0), F.pad(negative[:-1], (0, 1), value=1.0)


class AdaptiveClassSuppressionLoss(SigmoidRoILoss, losses.AdaptiveClassSuppressionLoss):
    """No negatives whose score is low already. Wang et al., CVPR 2021, arXiv:2104.00885.

    A second stage for the classifier. Foreground RoIs count the label and the negatives with s >= threshold. Background
    RoIs count, of the negatives of each group of classes, a share of the RoIs only; in evaluation all of them, with
    that weight.

    Args:
        threshold (float): a negative of a foreground RoI counts from this probability on; 0 takes all.
        bins (tuple[int]): image counts at which a new group begins, by default LVIS's rare, common and frequent.
        shares (tuple[float]): of background RoIs drawn for each group; the released code's by default.
        seed (int): of the draws.
    """

    count_unit = 'image'
    needs_counts = True

    def __init__(self, class_counts=None, *, threshold=0.7, bins=(11, 101), shares=(0.01, 0.1, 1.0), seed=0, **kwargs):
        if len(shares) != len(bins) + 1 or not all(0 <= share <= 1 for share in shares):
            raise ValueError(f'{len(bins)} bins make {len(bins) + 1} groups, each with a share in [0, 1]; got {shares}')
        super().__init__(class_counts, threshold=threshold, **kwargs)
        self.bins = tuple(bins)
        self.shares = tuple(shares)
        self.draws = Draws(seed)

    def losses(self, logits, target):
        background = self.is_background(target)
        sampled = self.sample(background, logits.dtype)[:, group_index(self.class_counts, self.bins)]
        sampled = F.pad(sampled, (0, 1), value=1.0)
        high = (logits.detach().sigmoid() >= self.threshold).to(logits.dtype)
        return weighted_bce(logits, target, negative=torch.where(background, sampled, high))

    def sample(self, background, dtype):
        """(N, 1) -> weights (N, G) of the background RoIs in each group."""
        shares = torch.tensor(self.shares, dtype=dtype, device=background.device)
        if not self.training:
            return shares.expand(len(background), -1)
        generator = self.draws.generator(background.device)
        draw = torch.rand(len(background), len(shares), generator=generator, device=background.device)
        rank = draw.masked_fill(~background, 2).argsort(0).argsort(0)
        return (rank < (shares * background.sum() + 1e-4).floor()).to(dtype)
