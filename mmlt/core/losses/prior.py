"""Cross entropy of logits moved by the class prior.  z (N, C), counts n (C,), pi = n / sum n."""
from ..counts import log_prior
from .base import ClassWeightedLoss
from .cross_entropy import cross_entropy


def logit_adjustment(logits, counts, tau=1.0):
    """z + tau log pi, (N, C)."""
    return logits + (tau * log_prior(counts)).to(logits.dtype)


def temperatures(counts, gamma):
    """(n_c / n_max)^gamma <= 1, (C,): what multiplies the logits of VS and CDT in training."""
    return (counts / counts.max())**gamma


class PriorLoss(ClassWeightedLoss):
    """Cross entropy after one step, :meth:`shift`, that only training takes; at test use the raw logits."""

    corrects_prior = True

    def shift(self, logits):
        """(N, C) -> (N, C)."""
        raise NotImplementedError

    def losses(self, logits, target):
        return cross_entropy(self.shift(logits), target)


class BalancedSoftmaxLoss(PriorLoss):
    """CE(z + log n). Ren et al., Balanced Meta-Softmax, NeurIPS 2020, arXiv:2007.10740.

    Takes ``class_weight``, ``beta`` and the arguments of :class:`LongTailLoss`.

    >>> import torch
    >>> loss = BalancedSoftmaxLoss(class_counts=[100, 50, 10])
    >>> loss(torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]]), torch.tensor([0, 2]))
    tensor(2.0806)
    """

    def shift(self, logits):
        return logit_adjustment(logits, self.class_counts)


class LogitAdjustLoss(PriorLoss):
    """CE(z + tau log pi). Menon et al., Long-tail learning via logit adjustment, ICLR 2021, arXiv:2007.07314.

    With ``tau=1`` it is :class:`BalancedSoftmaxLoss`.

    Args:
        tau (float): strength.
    """

    def __init__(self, tau=1.0, **kwargs):
        super().__init__(**kwargs)
        self.tau = tau

    def shift(self, logits):
        return logit_adjustment(logits, self.class_counts, self.tau)


class VSLoss(PriorLoss):
    """Vector scaling: CE(z (n / n_max)^gamma + tau log pi). Kini et al., NeurIPS 2021, arXiv:2103.01550.

    Args:
        gamma (float): of the multiplicative part.
        tau (float): of the additive part.
    """

    def __init__(self, gamma=0.3, tau=1.0, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma
        self.tau = tau

    def shift(self, logits):
        shift = (self.tau * log_prior(self.class_counts)).to(logits.dtype)
        return shift.addcmul(logits, temperatures(self.class_counts, self.gamma).to(logits.dtype))


class CDTLoss(PriorLoss):
    """Class-dependent temperatures: CE(z (n / n_max)^gamma). Ye et al., 2020, arXiv:2001.01385.

    Args:
        gamma (float): 0.2 and less for 100 classes, up to 0.4 for 10.
    """

    def __init__(self, gamma=0.2, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma

    def shift(self, logits):
        return logits * temperatures(self.class_counts, self.gamma).to(logits.dtype)
