"""Losses of several experts.  E experts, N images, C classes; logits z (E, N, C), counts n (C,), pi = n / sum n."""
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..checks import check_range, check_tensor
from ..counts import Counts, as_counts
from .base import ClassWeightedLoss, LongTailLoss
from .cross_entropy import adjusted_cross_entropy
from .ldam import ldam_margins, margin_cross_entropy


def diversity_temperatures(counts: Tensor, factor: float) -> Tensor:
    """(C,) -> (C,): (C pi_c factor + 1 - factor) over its maximum; the head's classes have the highest."""
    t = len(counts) * factor * counts / counts.sum() + 1 - factor
    return t / t.max()


def expert_divergence(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """(E, N, C), (C,) or a number -> (N,): sum_e KL(softmax(mean z / T) || softmax(z_e / T)), the mean detached."""
    mean = (logits.detach().mean(0) / temperature).log_softmax(-1)
    own = (logits / temperature).log_softmax(-1)
    return (mean.exp() * (mean - own)).sum((0, 2))


def reversed_prior(counts: Tensor) -> Tensor:
    """(C,) -> (C,): the prior with its ranks reversed, so that the rarest class has the largest share."""
    order = counts.sort(stable=True)
    rank = order.indices.argsort()
    return (order.values / counts.sum())[len(counts) - 1 - rank]


class ExpertLoss(LongTailLoss):
    """Base: ``loss(logits (E, N, C), target)``; everything else is as for :class:`LongTailLoss`. A subclass writes
    :meth:`expert_losses`. :class:`mmlt.cls.MultiExpertClsHead` makes such logits.
    """

    ndim = 3

    def expert_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """(E, N, C), labels (N,) or rows (N, C) -> (N,)."""
        raise NotImplementedError

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None, reduction_override: str | None = None) -> Tensor:
        check_tensor('logits', logits, floating=True)
        if logits.ndim != 3 or not len(logits):
            raise ValueError(f'{type(self).__name__} takes logits (E, N, C) of E experts, got {tuple(logits.shape)}; '
                             'MultiExpertClsHead makes them')
        return super().forward(logits.transpose(0, 1), target, weight, avg_factor, reduction_override)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.expert_losses(logits.transpose(0, 1), target)


class RIDELoss(ExpertLoss, ClassWeightedLoss):
    """sum_e [LDAM(z_e) + diversity T^2 KL(softmax(mean z / T) || softmax(z_e / T))]. Wang et al., Long-tailed
    Recognition by Routing Diverse Distribution-Aware Experts, ICLR 2021, arXiv:2010.01809.

    The authors train without class weights and with T = 1 up to epoch 160 of 200 (80 of 100 on large sets), and with
    both afterwards: ``RIDELoss(temperatures=False)``, then a stage with ``RIDELoss()``. The divergence is averaged over
    the images, the weighted LDAM part by the sum of its weights. T of the factor T^2 is the mean over the classes.

    Args:
        max_margin (float): LDAM's, in units of the cosine; 0 is cross entropy.
        scale (float): of the cosines that the logits are.
        diversity (float): factor of the divergence, negative to drive experts apart: -0.45 for CIFAR.
        reweight_factor (float): how far the temperatures follow the counts: 0.05 for CIFAR, 0.02 for ImageNet-LT, 0.015
            for iNaturalist.
        temperatures (bool): class temperatures, and ``class_weight='effective'`` unless it is given.

    >>> loss = RIDELoss(class_counts=[100, 10, 1], diversity=-0.45)
    >>> loss(torch.tensor([[[2., 0., -1.]], [[1., 1., 0.]]]), torch.tensor([0]))
    tensor(8.0714)
    """

    default_avg = 'weight'

    def __init__(self, class_counts: Counts | None = None, *, max_margin: float = 0.5, scale: float = 30.0,
                 diversity: float = -0.2, reweight_factor: float = 0.05, temperatures: bool = True, **kwargs):
        check_range(self, '[0, inf)', max_margin=max_margin)
        check_range(self, '(0, inf)', scale=scale)
        check_range(self, '(-inf, inf)', diversity=diversity)
        check_range(self, '[0, 1)', reweight_factor=reweight_factor)
        kwargs.setdefault('class_weight', 'effective' if temperatures else None)
        super().__init__(class_counts, **kwargs)
        self.max_margin, self.scale, self.diversity = max_margin, scale, diversity
        self.reweight_factor, self.temperatures = reweight_factor, temperatures

    def expert_losses(self, logits: Tensor, target: Tensor):
        margins = (self.scale * ldam_margins(self.class_counts, self.max_margin)).to(logits.dtype)
        return sum(margin_cross_entropy(z, target, margins) for z in logits)

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None, reduction_override: str | None = None) -> Tensor:
        loss = super().forward(logits, target, weight, avg_factor, reduction_override)
        counts = self.class_counts.to(torch.promote_types(logits.dtype, torch.float32))
        t = diversity_temperatures(counts, self.reweight_factor if self.temperatures else 0)
        apart = self.diversity * t.mean()**2 * expert_divergence(logits.to(counts.dtype), t)
        if weight is not None:
            apart = apart * weight.to(apart.dtype)
        reduction = reduction_override or self.reduction
        return loss + self.loss_weight * LongTailLoss._reduce(self, apart, weight, avg_factor, reduction)


class SADELoss(ExpertLoss):
    """CE(z_1) + CE(z_2 + log pi) + CE(z_3 + log pi - tau log pi'), pi' the prior with its ranks reversed: experts of
    the long-tailed, the uniform and the inversely long-tailed test set. Zhang et al., Self-Supervised Aggregation of
    Diverse Experts, NeurIPS 2022, arXiv:2107.09249.

    Args:
        tau (float): 2 for CIFAR and ImageNet-LT, 1 for iNaturalist and Places-LT.
        eps (float): added to priors before the logarithm, as in the authors' code.

    >>> loss = SADELoss(class_counts=[100, 10, 1])
    >>> loss(torch.tensor([1., 0.5, 0.2]).expand(3, 1, 3), torch.tensor([2]))
    tensor(21.6051)
    """

    corrects_prior = True

    def __init__(self, class_counts: Counts | None = None, *, tau: float = 2.0, eps: float = 1e-9, **kwargs):
        check_range(self, '[0, inf)', tau=tau, eps=eps)
        super().__init__(class_counts, **kwargs)
        self.tau, self.eps = tau, eps

    def expert_losses(self, logits: Tensor, target: Tensor):
        if len(logits) != 3:
            raise ValueError(f'SADELoss is for 3 experts, the logits are of {len(logits)}; set num_experts=3')
        prior = (self.class_counts / self.class_counts.sum() + self.eps).log()
        inverse = (reversed_prior(self.class_counts) + self.eps).log()
        shifts = None, prior, prior - self.tau * inverse
        return sum(adjusted_cross_entropy(z, target, None, s if s is None else s.to(z.dtype))
                   for z, s in zip(logits, shifts))


class BalPoELoss(ExpertLoss):
    """mean_e CE(z_e + tau_e log pi). Sanchez Aimar et al., Balanced Product of Calibrated Experts, CVPR 2023,
    arXiv:2206.05260, where it comes with mixup.

    The mean of the logits answers for a uniform prior because the mean of tau is 1.

    Args:
        taus (sequence[float] | str): one an expert, or ``'limits'``: as many as there are experts, evenly from 0 to 2.
        test_prior (sequence[float], optional): the class frequencies that the test data follow; the experts then may
            have any mean tau, and who predicts adds what is missing to the mean logits.
        eps (float): added to the prior before the logarithm, as in the authors' code.

    Raises:
        ValueError: the mean of ``taus`` is not 1 and there is no ``test_prior``; another number of experts.

    >>> loss = BalPoELoss(class_counts=[100, 10, 1])
    >>> loss(torch.tensor([1., 0.5, 0.2]).expand(3, 1, 3), torch.tensor([2]))
    tensor(5.6685)
    """

    corrects_prior = True

    def __init__(self, class_counts: Counts | None = None, *, taus: Sequence[float] = (0., 1., 2.),
                 test_prior: Any = None, eps: float = 1e-9, **kwargs):
        check_range(self, '[0, inf)', eps=eps)
        if (isinstance(taus, str) and taus != 'limits') or not len(taus):
            raise ValueError(f"BalPoELoss: taus must be one number an expert, as (0, 1, 2), or 'limits', got {taus!r}")
        if taus != 'limits':
            for tau in taus:
                check_range(self, '(-inf, inf)', taus=tau)
            mean = sum(taus) / len(taus)
            if test_prior is None and abs(mean - 1) > 1e-6:
                raise ValueError(f'BalPoELoss: taus={taus} have the mean {mean:g}, expected 1, or the mean of the '
                                 'experts is biased; change them, or pass test_prior=')
        if test_prior is not None:
            as_counts(test_prior)
        super().__init__(class_counts, **kwargs)
        self.taus, self.test_prior, self.eps = taus, test_prior, eps

    def experts_taus(self, num_experts: int):
        """-> one tau an expert."""
        if self.taus == 'limits':
            return torch.linspace(0, 2, num_experts).tolist() if num_experts > 1 else [1.]
        if len(self.taus) != num_experts:
            raise ValueError(f'BalPoELoss: taus={self.taus} are {len(self.taus)}, the logits are of {num_experts} '
                             f"experts; set num_experts={len(self.taus)}, or taus='limits'")
        return self.taus

    def expert_losses(self, logits: Tensor, target: Tensor):
        prior = (self.class_counts / self.class_counts.sum() + self.eps).log().to(logits.dtype)
        return sum(adjusted_cross_entropy(z, target, None, tau * prior)
                   for z, tau in zip(logits, self.experts_taus(len(logits)))) / len(logits)
