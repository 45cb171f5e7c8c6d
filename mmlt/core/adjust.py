"""Post-hoc logit adjustment.  z (N, C, ...), counts n (C,), pi = n / sum n."""
from typing import Any

import torch
from torch import Tensor

from .checks import check_range, check_shape, check_tensor
from .counts import ClassCounts, Counts, as_counts, log_prior


def adjustment(counts: Tensor, target: Tensor, tau: float = 1.0) -> Tensor:
    """Training and target counts, (C,), (C,) -> (C,): tau (log target - log pi), what is added to the logits.

    Raises:
        ValueError: a count is not positive, a target is negative, or they differ in shape.
    """
    check_shape('target', target, '(C,)')
    prior = log_prior(counts)
    if prior.shape != target.shape:
        raise ValueError(f'counts have shape {tuple(prior.shape)}, target {tuple(target.shape)}; both are (C,)')
    if not ((counts > 0) & counts.isfinite()).all():
        raise ValueError(f'counts must be positive and finite, they reach from {counts.min()} to {counts.max()}')
    if not ((target >= 0) & target.isfinite()).all() or not target.any():
        raise ValueError(f'target must not be negative, and not 0 for every class; got {target.tolist()!r:.80}')
    return torch.xlogy(float(tau), target / target.sum()) - float(tau) * prior


def adjust(logits: Tensor, shift: Tensor) -> Tensor:
    """(N, C, ...), (C,) -> (N, C, ...): the sum, in float32 or better."""
    check_tensor('logits', logits)
    check_shape('shift', shift, '(C,)')
    shift = shift.to(torch.promote_types(logits.dtype, torch.float32))
    return logits + shift.view(-1, *[1] * (logits.ndim - 2))


class LogitAdjust(ClassCounts):
    """z + tau (log target - log pi) in evaluation mode; in training the logits pass. Menon et al., ICLR 2021,
    arXiv:2007.07314.

    For a model that was trained with cross entropy: a loss that corrects the prior would be corrected twice.

    Args:
        num_classes (int): C.
        tau (float): strength; 0 changes nothing.
        target: counts (C,) that the test data follow, or None for a uniform target.
        class_counts: training counts (C,), or None; see :class:`~mmlt.core.counts.ClassCounts`.

    Raises:
        ValueError: a count is not positive, or there are not C of them; ``tau`` is not finite.
        RuntimeError: no class counts, in evaluation mode.

    >>> adjust = LogitAdjust(3, class_counts=[8, 1, 1]).eval()
    >>> adjust(torch.zeros(1, 3)).exp()
    tensor([[0.4167, 3.3333, 3.3333]])
    """

    def __init__(self, num_classes: int, tau: float = 1.0, target: Any = None, class_counts: Counts | None = None):
        check_range(self, '(-inf, inf)', tau=tau)
        super().__init__()
        self.num_classes = num_classes
        self.tau = tau
        self.target = as_counts(torch.ones(num_classes) if target is None else target, num_classes)
        self.register_buffer('shift', None, persistent=False)
        self.take(class_counts)

    def derive(self) -> None:
        counts = as_counts(self.class_counts, self.num_classes)
        self.shift = adjustment(counts, self.target.to(counts))

    def forward(self, logits: Tensor):
        """(N, C, ...) -> (N, C, ...)."""
        if self.training:
            return logits
        self.check_counts(logits.size(1))
        return adjust(logits, self.tau * self.shift)
