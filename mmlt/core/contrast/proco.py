"""Probabilistic contrast.  Views z (N, V, D), class means (C, D); nu = D/2 - 1, I_nu the modified Bessel function."""
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_integer, check_range
from ..counts import ClassCounts, log_prior
from ..dist import gather
from ..precision import unit
from .base import FLOOR, ContrastiveLoss

KAPPA_MAX = 1e5


def _correction(s, nu):
    """log(1 + u1/nu + u2/nu^2 + u3/nu^3 + u4/nu^4) of the uniform expansion at t = nu / s."""
    r, q = 1 / s, (nu / s)**2
    u1 = (3 - 5 * q) / 24
    u2 = (81 + q * (-462 + 385 * q)) / 1152
    u3 = (30375 + q * (-369603 + q * (765765 - 425425 * q))) / 414720
    u4 = (4465125 + q * (-94121676 + q * (349922430 + q * (-446185740 + 185910725 * q)))) / 39813120
    return torch.log1p(r * (u1 + r * (u2 + r * (u3 + r * u4))))


def _rate(square, nu):
    """I_(nu + 1)(k) / (k I_nu(k)) from k^2, by the same expansion."""
    s, s_next = (nu**2 + square).sqrt(), ((nu + 1)**2 + square).sqrt()
    rise = (2 * nu + 1) / (s_next + s)
    return torch.exp(rise - nu * torch.log1p((1 + rise) / (nu + s)) - torch.log1p(rise / s) / 2
                     + _correction(s_next, nu + 1) - _correction(s, nu)) / (nu + 1 + s_next)


def log_mgf(delta: Tensor, kappa: Tensor, nu: float) -> Tensor:
    """log(I_nu(k') k'^-nu) - log(I_nu(k) k^-nu) with k'^2 = k^2 + delta: (N, C), (C,) -> (N, C).

    By the uniform expansion in s = sqrt(nu^2 + k^2), whose terms are subtracted one by one, so that nothing cancels
    however large k is. Exact to 3e-8 from nu = 15 on; a smaller nu is reached from there by I_(nu - 1) = I_(nu + 1) +
    2 nu I_nu / k.
    """
    steps = max(0, math.ceil(15 - nu))
    nu, square = nu + steps, kappa**2
    s = (nu**2 + square).sqrt()
    s_new = (s**2 + delta).clamp(min=nu**2).sqrt()
    rise = delta / (s_new + s)
    value = (rise - nu * torch.log1p(rise / (nu + s)) - torch.log1p(rise / s) / 2
             + _correction(s_new, nu) - _correction(s, nu))
    if not steps:
        return value
    square_new, ratio = (square + delta).clamp(min=0), torch.ones_like(value)
    rate, rate_new = _rate(square, nu), _rate(square_new, nu)
    for n in range(steps):
        rate, rate_new = (1 / (2 * (nu - n) + x * r) for x, r in ((square, rate), (square_new, rate_new)))
        ratio = ratio * (rate_new / rate)
    return value - ratio.log()


def vmf_logits(features: Tensor, mean: Tensor, temperature: float) -> Tensor:
    """(N, D), (C, D) -> (N, C): log E e^(z z'/T) over z' from the von Mises-Fisher distribution of each class mean."""
    dim = mean.size(1)
    length = torch.linalg.vector_norm(mean, dim=1)
    kappa = (dim * length / (1 - length**2).clamp(min=1e-12)).clamp(max=KAPPA_MAX)
    direction = (unit(mean) * kappa[:, None]).to(features.dtype)
    square = features.square().sum(1, keepdim=True) / temperature**2
    delta = torch.addmm(square, features, direction.t(), alpha=2 / temperature)
    return log_mgf(delta, kappa.to(features.dtype), dim / 2 - 1)


class ProCoLoss(ContrastiveLoss, ClassCounts):
    """ProCo: CE(l + tau log pi), where l is the expected similarity to infinitely many images of each class, whose
    features follow a von Mises-Fisher distribution with the class's running mean. Du et al., TPAMI 2024,
    arXiv:2403.06726.

    ``loss(features (N, V, D), labels (N,))``: one view after the other is added to the means, those of all ranks, and
    gets its loss. kappa = D R / (1 - R^2) as released (the paper's own is R (D - R^2) / (1 - R^2)). A class that was
    not seen yet takes no part. Means and amounts are buffers: those in use go on from the last epoch's, the next ones
    start empty; :meth:`new_epoch` swaps them.

    Args:
        dim (int): D >= 3.
        temperature (float): T.
        tau (float): strength of the prior.
        class_counts: training counts (C,), or None to have ``ClassCountsHook`` fill them.

    Raises:
        ValueError: features are not (N, V, D), labels are no integers in 0 .. C - 1.
        RuntimeError: no class counts.
    """
    counted = 'labels'

    def __init__(self, dim: int, temperature: float = 0.1, tau: float = 1.0, **kwargs):
        check_integer(self, 3, dim=dim)
        check_range(self, '(-inf, inf)', tau=tau)
        class_counts = kwargs.pop('class_counts', None)
        super().__init__(temperature, **kwargs)
        self.dim, self.tau = dim, tau
        for name in ('mean', 'next_mean'):
            self.register_buffer(name, torch.zeros(0, dim, dtype=torch.float64))
        for name in ('amount', 'next_amount'):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        self.take(class_counts)

    def derive(self) -> None:
        self.register_buffer('log_prior', log_prior(self.class_counts), persistent=False)
        if len(self.amount) != len(self.class_counts):
            self._resize(len(self.class_counts))

    def _resize(self, classes):
        for name in ('mean', 'next_mean', 'amount', 'next_amount'):
            buffer = getattr(self, name)
            setattr(self, name, buffer.new_zeros(classes, *buffer.shape[1:]))

    def new_epoch(self) -> None:
        """Go on from the means of the last epoch, and start new ones."""
        self.mean, self.amount = self.next_mean, self.next_amount
        self.next_mean, self.next_amount = torch.zeros_like(self.mean), torch.zeros_like(self.amount)

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        """Add features (N, D) with labels (N,) of all ranks to the running means."""
        features, labels = gather(features.detach()).to(self.mean.dtype), gather(labels)
        for mean, amount in ((self.mean, self.amount), (self.next_mean, self.next_amount)):
            before = amount.clone()
            amount.index_add_(0, labels, torch.ones_like(labels, dtype=amount.dtype))
            total = amount.clamp(min=1)
            mean.mul_((before / total)[:, None]).index_add_(0, labels, features / total[labels][:, None])

    def losses(self, features: Tensor, labels: Tensor):
        self.check_counts()
        self.check(features, labels, '(N, V, D)', len(self.class_counts))
        if features.size(2) != self.dim:
            raise ValueError(f'ProCoLoss: features have {features.size(2)} dimensions, expected dim={self.dim}')
        values = []
        for view in features.unbind(1):
            if self.training and torch.is_grad_enabled():
                self.update(view, labels)
            logits = vmf_logits(view, self.mean, self.temperature) + self.tau * self.log_prior.to(view.dtype)
            logits = logits.masked_fill(self.amount == 0, FLOOR)
            values.append(F.cross_entropy(logits, labels, reduction='none'))
        seen = self.amount[labels] > 0
        return torch.stack(values, 1), seen[:, None].expand(-1, len(values))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        loaded = state_dict.get(prefix + 'mean')
        if loaded is not None and loaded.size(-1) == self.dim and loaded.shape != self.mean.shape:
            self._resize(len(loaded))
        super()._load_from_state_dict(state_dict, prefix, *args)
