"""Post-hoc logit adjustment.  z (N, C, ...), counts n (C,), pi = n / sum n."""
import torch

from .counts import ClassCounts, as_counts


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
        ValueError: a count is not positive, or there are not C of them.
        RuntimeError: no class counts, in evaluation mode.

    >>> adjust = LogitAdjust(3, class_counts=[8, 1, 1]).eval()
    >>> adjust(torch.zeros(1, 3)).exp()
    tensor([[0.4167, 3.3333, 3.3333]])
    """

    def __init__(self, num_classes, tau=1.0, target=None, class_counts=None):
        super().__init__()
        self.num_classes = num_classes
        self.tau = tau
        self.target = as_counts(torch.ones(num_classes) if target is None else target, num_classes)
        self.register_buffer('prior_ratio', None, persistent=False)
        if class_counts is not None:
            self.set_class_counts(class_counts)

    def derive(self):
        counts = as_counts(self.class_counts, self.num_classes)
        target = self.target.to(counts)
        self.prior_ratio = target / target.sum() * counts.sum() / counts

    def forward(self, logits):
        """(N, C, ...) -> (N, C, ...)."""
        if self.training:
            return logits
        self.check_counts(logits.size(1))
        shift = self.tau * self.prior_ratio.log()
        return logits + shift.to(torch.promote_types(logits.dtype, torch.float32)).view(-1, *[1] * (logits.ndim - 2))
