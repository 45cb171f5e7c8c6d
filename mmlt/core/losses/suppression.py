"""Adaptive class suppression.  z (N, C), s = sigmoid z."""
import math

from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .base import LongTailLoss
from .sigmoid import weighted_bce


def adaptive_class_suppression(logits: Tensor, target: Tensor, threshold: float = 0.7) -> Tensor:
    """BCE summed over the label and the negatives with s_j >= threshold, (N, C) -> (N,)."""
    logit = math.log(threshold / (1 - threshold)) if 0 < threshold < 1 else math.inf * (threshold - 0.5)
    return weighted_bce(logits, target, negative=logits.detach() >= logit)


class AdaptiveClassSuppressionLoss(LongTailLoss):
    """C binary problems, summed, without the negatives that are already low. Wang et al., CVPR 2021, arXiv:2104.00885.

    A second stage for the classifier: from a random start every s_j is near 0.5, no negative is active, and the
    classifier collapses to "yes" for every class.

    Args:
        threshold (float): a negative counts from this probability on; 0 is plain BCE, 1 leaves only the label.
    """

    needs_counts = False

    def __init__(self, class_counts: Counts | None = None, *, threshold: float = 0.7, **kwargs):
        check_range(self, '[0, 1]', threshold=threshold)
        super().__init__(class_counts, **kwargs)
        self.threshold = threshold

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return adaptive_class_suppression(logits, target, self.threshold)
