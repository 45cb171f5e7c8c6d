"""Re-weighted cross entropy.  n (C,) training counts, w (C,) class weights, N = sum n, pi = n / N."""
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts, effective_weights
from .base import LongTailLoss, _check_choice
from .sigmoid import sigmoid_focal, weighted_bce


def cost_sensitive_weights(counts: Tensor, gamma: float = 1.0):
    """(n_min / n_c)^gamma, (C,)."""
    return (counts.min() / counts)**gamma


def weighted_softmax_weights(counts: Tensor, form: str = 'inverse'):
    """1 / pi_c (``'inverse'``) or 1 - ln(n_c / n_max) (``'log'``), (C,)."""
    _check_choice('form', form, ('inverse', 'log'))
    return counts.sum() / counts if form == 'inverse' else 1 - (counts / counts.max()).log()


def generalized_weights(counts: Tensor, rho: float = 1.2):
    """C (1 / pi_c)^rho / sum_j (1 / pi_j)^rho, (C,)."""
    weights = (counts.min() / counts)**rho
    return weights * (len(counts) / weights.sum())


class ReweightLoss(LongTailLoss):
    """CE with the weight of the label, averaged by the sum of the weights; a subclass writes :meth:`weights`."""

    default_avg = 'weight'

    def weights(self, counts: Tensor) -> Tensor:
        """(C,) -> (C,)."""
        raise NotImplementedError

    def class_weights(self, num_classes: int):
        return self.weights(self.class_counts)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, reduction='none')


class CostSensitiveLoss(ReweightLoss):
    """CE with the weight (n_min / n_c)^gamma. Zhang et al., Bag of Tricks, AAAI 2021.

    Args:
        gamma (float): 1 is the paper's, 0.5 its square-root form.

    >>> import torch
    >>> loss = CostSensitiveLoss(class_counts=[100, 50, 10])
    >>> loss(torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]]), torch.tensor([0, 2]))
    tensor(2.0628)
    """

    def __init__(self, class_counts: Counts | None = None, *, gamma: float = 1.0, **kwargs):
        check_range(self, '[0, inf)', gamma=gamma)
        super().__init__(class_counts, **kwargs)
        self.gamma = gamma

    def weights(self, counts: Tensor):
        return cost_sensitive_weights(counts, self.gamma)


class WeightedSoftmaxLoss(ReweightLoss):
    """CE with the weight 1 / pi_c, or its softened form.

    Args:
        form (str): ``'inverse'``, the formula of Zhang et al., Deep long-tailed learning: a survey, TPAMI 2023,
            arXiv:2110.04596; or ``'log'``, 1 - ln(n_c / n_max), which the survey's code runs.
    """

    def __init__(self, class_counts: Counts | None = None, *, form: str = 'inverse', **kwargs):
        _check_choice('form', form, ('inverse', 'log'))
        super().__init__(class_counts, **kwargs)
        self.form = form

    def weights(self, counts: Tensor):
        return weighted_softmax_weights(counts, self.form)


class GeneralizedReweightLoss(ReweightLoss):
    """CE towards DisAlign's target prior: weights (1 / pi_c)^rho that sum to C.

    Zhang et al., Distribution alignment, CVPR 2021, arXiv:2103.16370.

    Args:
        rho (float): 1.2 for ImageNet-LT, 0.8 for LVIS, 0.2 for ADE20K; 0 is CE.
    """

    def __init__(self, class_counts: Counts | None = None, *, rho: float = 1.2, **kwargs):
        check_range(self, '[0, inf)', rho=rho)
        super().__init__(class_counts, **kwargs)
        self.rho = rho

    def weights(self, counts: Tensor):
        return generalized_weights(counts, self.rho)


class ClassBalancedLoss(ReweightLoss):
    """Weights by the effective number of samples, (1 - beta) / (1 - beta^n), that sum to C.

    Cui et al., Class-balanced loss, CVPR 2019, arXiv:1901.05555. Their code averages over the N images
    (``avg='batch'``); the default is that of LDAM's code and of Bag of Tricks.

    Args:
        beta (float): the larger, the closer to 1 / n; 0 gives equal weights.
        base (str): ``'ce'``; ``'sigmoid'``, C binary problems summed; ``'focal'``, the same with (1 - p)^gamma. The
            last two average over the batch.
        gamma (float): of ``'focal'``.
    """

    def __init__(self, class_counts: Counts | None = None, *, beta: float = 0.9999, base: str = 'ce',
                 gamma: float = 1.0, avg: str | None = None, **kwargs):
        _check_choice('base', base, ('ce', 'focal', 'sigmoid'))
        check_range(self, '[0, 1]', beta=beta)
        check_range(self, '[0, inf)', gamma=gamma)
        super().__init__(class_counts, avg=avg or ('weight' if base == 'ce' else 'batch'), **kwargs)
        self.beta = beta
        self.base = base
        self.gamma = gamma

    def weights(self, counts: Tensor):
        return effective_weights(counts, self.beta)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.base == 'ce':
            return super().losses(logits, target)
        if self.base == 'focal':
            return sigmoid_focal(logits, target, self.gamma)
        return weighted_bce(logits, target)
