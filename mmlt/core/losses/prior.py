"""Cross entropy of logits moved by the class prior.  z (N, C), counts n (C,), pi = n / sum n."""
from torch import Tensor

from ..checks import check_range
from ..counts import Counts, log_prior
from .base import ClassWeightedLoss
from .cross_entropy import adjusted_cross_entropy
from .sigmoid import weighted_bce


def temperatures(counts: Tensor, gamma: float):
    """(n_c / n_max)^gamma <= 1, (C,): what multiplies the logits of VS and CDT in training."""
    return (counts / counts.max())**gamma


class PriorLoss(ClassWeightedLoss):
    """CE(a z + b) with a, b of the counts, in training only: at test use the raw logits. A subclass writes
    :meth:`scale`, :meth:`bias` or both."""

    corrects_prior = True

    def scale(self, counts: Tensor):
        """(C,) -> a (C,), or None for 1."""

    def bias(self, counts: Tensor):
        """(C,) -> b (C,), or None for 0."""

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        scale, bias = self.scale(self.class_counts), self.bias(self.class_counts)
        scale, bias = (x if x is None else x.to(logits.dtype) for x in (scale, bias))
        return adjusted_cross_entropy(logits, target, scale, bias)


class BalancedSoftmaxLoss(PriorLoss):
    """CE(z + log n). Ren et al., Balanced Meta-Softmax, NeurIPS 2020, arXiv:2007.10740.

    Takes ``class_weight``, ``beta`` and the arguments of :class:`LongTailLoss`.

    >>> import torch
    >>> loss = BalancedSoftmaxLoss(class_counts=[100, 50, 10])
    >>> loss(torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]]), torch.tensor([0, 2]))
    tensor(2.0806)
    """

    def bias(self, counts: Tensor):
        return log_prior(counts)  # the N of log n - log N cancels


class LogitAdjustLoss(PriorLoss):
    """CE(z + tau log pi). Menon et al., Long-tail learning via logit adjustment, ICLR 2021, arXiv:2007.07314.

    With ``tau=1`` it is :class:`BalancedSoftmaxLoss`.

    Args:
        tau (float): strength.
    """

    def __init__(self, class_counts: Counts | None = None, *, tau: float = 1.0, **kwargs):
        check_range(self, '(-inf, inf)', tau=tau)
        super().__init__(class_counts, **kwargs)
        self.tau = tau

    def bias(self, counts: Tensor):
        return self.tau * log_prior(counts)


class VSLoss(PriorLoss):
    """Vector scaling: CE(z (n / n_max)^gamma + tau log pi). Kini et al., NeurIPS 2021, arXiv:2103.01550.

    Args:
        gamma (float): of the multiplicative part.
        tau (float): of the additive part.
    """

    def __init__(self, class_counts: Counts | None = None, *, gamma: float = 0.3, tau: float = 1.0, **kwargs):
        check_range(self, '[0, inf)', gamma=gamma)
        check_range(self, '(-inf, inf)', tau=tau)
        super().__init__(class_counts, **kwargs)
        self.gamma = gamma
        self.tau = tau

    def scale(self, counts: Tensor):
        return temperatures(counts, self.gamma)

    def bias(self, counts: Tensor):
        return self.tau * log_prior(counts)


class CDTLoss(PriorLoss):
    """Class-dependent temperatures: CE(z (n / n_max)^gamma). Ye et al., 2020, arXiv:2001.01385.

    Args:
        gamma (float): 0.2 and less for 100 classes, up to 0.4 for 10.
    """

    def __init__(self, class_counts: Counts | None = None, *, gamma: float = 0.2, **kwargs):
        check_range(self, '[0, inf)', gamma=gamma)
        super().__init__(class_counts, **kwargs)
        self.gamma = gamma

    def scale(self, counts: Tensor):
        return temperatures(counts, self.gamma)


def log_odds(counts: Tensor) -> Tensor:
    """log pi_c - log(1 - pi_c), (C,)."""
    return counts.log() - (counts.sum() - counts).clamp(min=1e-30).log()


class BalancedBCELoss(ClassWeightedLoss):
    """C binary problems, summed, of logits moved by the log odds of the prior: BCE(z + log pi - log(1 - pi)). Xu et
    al., Learning imbalanced data with vision transformers (LiVT), CVPR 2023, arXiv:2212.02015.

    In training only: at test use the raw logits. Takes ``class_weight``, ``beta`` and the arguments of
    :class:`LongTailLoss`.

    >>> import torch
    >>> loss = BalancedBCELoss(class_counts=[100, 50, 10])
    >>> loss(torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]]), torch.tensor([0, 2]))
    tensor(3.2210)
    """

    corrects_prior = True

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return weighted_bce(logits, target, bias=log_odds(self.class_counts).to(logits.dtype))
