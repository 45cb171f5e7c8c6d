"""What the contrastive losses share.

N images, V views of each, M = N V anchors, K keys, D features, C classes; T temperature.
"""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_range, check_tensor
from ..dist import sum_over_ranks, world_size
from ..precision import at_least_float32, no_autocast

FLOOR = -1e30  # a logit that takes no part; finite, so that a row of nothing else has a gradient


def contrast(features: Tensor, keys: Tensor, temperature: float, bias: Tensor, positive: Tensor,
             number: Tensor) -> Tensor:
    """(M, D), (K, D), bias (M, K), rows of zeros and ones (M, K), their sums (M,) -> (M,): the mean over the positives
    of -log softmax(f . k / T + bias)."""
    logits = torch.addmm(bias, features, keys.t(), alpha=1 / temperature)
    return F.cross_entropy(logits, positive, reduction='none') / number


class ContrastiveLoss(nn.Module):
    """Base of the losses on features; a subclass writes :meth:`losses`.

    Features come in unit length. Half precision is lifted to float32, also under autocast.

    Args:
        temperature (float): T > 0, which divides the similarities.
        reduction (str): ``'mean'`` over the anchors that have a loss, ``'sum'`` or ``'none'``.
        loss_weight (float): a factor of the result.
    """

    requires: tuple[str, ...] = ()  # beside features and labels: 'prototypes' (C, D)
    joint = False  # every rank computes the loss of the joint batch

    def __init__(self, temperature: float = 0.1, reduction: str = 'mean', loss_weight: float = 1.0, **kwargs):
        check_range(self, '(0, inf)', temperature=temperature)
        if reduction not in ('mean', 'sum', 'none'):
            raise ValueError(f"reduction={reduction!r}; expected 'mean', 'sum' or 'none'")
        super().__init__(**kwargs)
        self.temperature = temperature
        self.reduction = reduction
        self.loss_weight = loss_weight

    def losses(self, features: Tensor, labels: Tensor, *args):
        """-> values, and a mask of the same shape: which of them count."""
        raise NotImplementedError

    def forward(self, *args, **kwargs) -> Tensor:
        """-> scalar, or one value an anchor with ``'none'``, 0 for those that are skipped; see the class."""
        tensors = [x for x in (*args, *kwargs.values()) if torch.is_tensor(x)]
        if not tensors:
            raise TypeError(f'{type(self).__name__} takes tensors, got {[type(x).__name__ for x in args]}')
        with no_autocast(tensors[0]):
            kwargs = {name: _lift(x) for name, x in kwargs.items()}
            values, valid = self.losses(*map(_lift, args), **kwargs)
            values = torch.where(valid, values, 0)
            if self.reduction == 'none':
                return self.loss_weight * values
            total = values.sum()
            if self.reduction == 'mean':
                total = total / self._share(valid.sum())
            return self.loss_weight * total

    def _share(self, count):
        """What divides this rank's sum, so that the mean over the ranks is that of the joint batch."""
        if self.joint or world_size() == 1:
            return count.clamp(min=1)
        return sum_over_ranks(count).clamp(min=1) / world_size()

    def check(self, features: Tensor, labels: Tensor, shape: str, num_classes: int | None = None) -> None:
        """Raise a ValueError unless features are ``shape``, '(N, V, D)' say, and labels fit; values on CPU only."""
        name = type(self).__name__
        check_tensor('features', features, floating=True)
        check_tensor('labels', labels)
        if features.ndim != shape.count(',') + 1:
            raise ValueError(f'{name}: features have shape {tuple(features.shape)}, expected {shape}')
        if labels.shape != features.shape[:1] or labels.is_floating_point():
            raise ValueError(f'{name}: labels are {labels.dtype} of shape {tuple(labels.shape)}, expected one integer '
                             f'for each of the {len(features)} images; mixed labels have no contrastive loss')
        if num_classes is not None and labels.device.type == 'cpu' and not torch.compiler.is_compiling():
            wrong = labels[(labels < 0) | (labels >= num_classes)]
            if len(wrong):
                raise ValueError(f'{name}: a label is {int(wrong[0])}, expected 0 .. {num_classes - 1}; check '
                                 'num_classes against the data set')


def _lift(x):
    return at_least_float32(x) if torch.is_tensor(x) else x
