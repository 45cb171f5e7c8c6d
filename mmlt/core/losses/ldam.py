"""Label-distribution-aware margins.  z (N, C) scaled cosines, margins m (C,) on the same scale."""
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from .base import ClassWeightedLoss
from .focal import focus
from .sigmoid import softplus


def ldam_margins(counts: Tensor, max_margin: float = 0.5):
    """max_margin (n_min / n_c)^(1/4), (C,), in units of the cosine."""
    return max_margin * (counts.min() / counts)**0.25


def margin_cross_entropy(logits: Tensor, target: Tensor, margins: Tensor, gamma: float = 0.0) -> Tensor:
    """CE of the logits with ``margins`` (C,) taken off the label's own, (N, C) -> (N,); each label's times
    (1 - p)^gamma, which takes no gradient."""
    if target.ndim == 1:
        index = target[:, None]
        nll = F.cross_entropy(logits.scatter_add(1, index, -margins[index]), target, reduction='none')
        return _focused(nll, gamma)
    # the loss of every label c at once: softplus(log sum_{j != c} e^z_j - z_c + m_c). The sum without c comes from the
    # sum over all, but for the largest logit, where that would cancel
    top = logits.detach().argmax(1, keepdim=True)
    others = logits.scatter(1, top, -1e30).logsumexp(1, keepdim=True)
    log_p = logits.log_softmax(1)
    without = logits.logsumexp(1, keepdim=True) + (-log_p.exp().scatter(1, top, 0)).log1p()
    without = without.scatter(1, top, others)
    return (target * _focused(softplus(without - logits + margins), gamma)).sum(1)


def _focused(nll, gamma):
    return nll if not gamma else focus(nll.detach(), gamma) * nll


class LDAMLoss(ClassWeightedLoss):
    """CE with the margin Delta_c ~ n_c^(-1/4) on the label's cosine. Cao et al., NeurIPS 2019, arXiv:1906.07413.

    It needs a cosine classifier such as ``CosineLinear``. Takes ``class_weight``, ``beta`` and the arguments of
    :class:`LongTailLoss`. The authors' LDAM-DRW is ``class_weight='effective', avg='weight'`` from the second stage on.

    Args:
        max_margin (float): the margin of the rarest class, in units of the cosine; 0.3 for iNaturalist.
        scale (float): s, of the cosines.
        logits_scaled (bool): True if the classifier gives s cos; False if it gives the cosine, which the loss scales.

    >>> import torch
    >>> loss = LDAMLoss(class_counts=[100, 50, 10], logits_scaled=False)
    >>> loss(torch.tensor([[0.8, 0.1, -0.2], [0.3, 0.5, 0.1]]), torch.tensor([0, 2]))
    tensor(13.5012)
    """

    def __init__(self, class_counts: Counts | None = None, *, max_margin: float = 0.5, scale: float = 30.0,
                 logits_scaled: bool = True, **kwargs):
        check_range(self, '[0, inf)', max_margin=max_margin)
        check_range(self, '(0, inf)', scale=scale)
        super().__init__(class_counts, **kwargs)
        self.max_margin = max_margin
        self.scale = scale
        self.logits_scaled = logits_scaled

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        margins = self.scale * ldam_margins(self.class_counts, self.max_margin)
        logits = logits if self.logits_scaled else logits * self.scale
        return margin_cross_entropy(logits, target, margins.to(logits.dtype))
