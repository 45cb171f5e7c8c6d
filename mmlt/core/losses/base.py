"""What every loss shares: both kinds of label, class weights, reduction, state of any width.

N images, C classes; logits z (N, C); labels y (N,) int64 or soft rows Y (N, C) that sum to 1.
"""
import math
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from ..checks import check_integer, check_range, check_tensor, readable
from ..counts import ClassCounts, Counts, effective_weights, inverse_weights


class LongTailLoss(ClassCounts):
    """Base of the losses; a subclass writes :meth:`losses`, one value an image, linear in the soft row.

    It is called as MMPretrain calls its losses, and as a plain ``loss(logits, target)``. Half precision logits are
    lifted to float32 first.

    Args:
        class_counts: training counts (C,), or None, see :class:`mmlt.core.counts.ClassCounts`.
        avg (str, optional): what ``reduction='mean'`` divides by: ``'weight'``, the sum of class weight times sample
            weight, whatever ``avg_factor`` says; ``'batch'``, ``avg_factor`` if given, else N. None is the loss's own.
        reduction (str): ``'mean'``, ``'sum'`` or ``'none'``.
        loss_weight (float): a factor of the result.
        num_classes (int, optional): C, for losses with online statistics; else that of the first logits, the counts or
            the checkpoint.
    """

    corrects_prior = False  # the trained logits already answer for a uniform prior: do not adjust them again
    requires: tuple[str, ...] = ()  # keywords of the call beside logits and labels: mmlt.engine.inputs lists them
    needs_counts = True
    multi_label = False
    default_avg = 'batch'
    ndim = 2  # of the logits
    # persistent buffers (C, ...) that take the width of the first logits, the counts or the checkpoint
    sized: tuple[str, ...] = ()

    def __init__(self, class_counts: Counts | None = None, *, avg: str | None = None, reduction: str = 'mean',
                 loss_weight: float = 1.0, num_classes: int | None = None):
        super().__init__()
        _check_choice('avg', avg, (None, 'weight', 'batch'))
        _check_choice('reduction', reduction, ('none', 'mean', 'sum'))
        check_range(self, '(-inf, inf)', loss_weight=loss_weight)
        if num_classes is not None:
            check_integer(self, 1, num_classes=num_classes)
        self.avg = avg or self.default_avg
        self.reduction = reduction
        self.loss_weight = loss_weight
        for name in self.sized:
            self.register_buffer(name, torch.zeros(num_classes or 0, dtype=torch.float64))
        self.take(class_counts)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """(N, C), labels (N,) or rows (N, C) that carry the class weights -> (N,)."""
        raise NotImplementedError

    def class_weights(self, num_classes: int):
        """-> weights (C,) in float64, or None for ones."""

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None, reduction_override: str | None = None, **kwargs) -> Tensor:
        """(N, C), (N,) or (N, C) -> scalar, or (N,) with ``'none'``.

        Args:
            logits (Tensor): (N, C).
            target (Tensor): (N,) int64 or soft rows (N, C).
            weight (Tensor, optional): (N,) sample weights.
            avg_factor (float | Tensor, optional): what to divide by in place of N.
            reduction_override (str, optional): used in place of ``reduction``.

        Raises:
            ValueError: shapes disagree, a label is out of range or a soft row does not sum to 1 (values are read on
                CPU tensors only), ``avg_factor`` comes with ``'sum'`` or is a number <= 0.
            RuntimeError: the loss needs class counts and has none.
        """
        reduction = reduction_override or self.reduction
        _check_choice('reduction_override', reduction, ('none', 'mean', 'sum'))
        check_tensor('logits', logits, floating=True)
        if logits.ndim != self.ndim:
            raise ValueError(f'logits have shape {tuple(logits.shape)}, expected (N, C)')
        if self.needs_counts:
            self.check_counts(self.classes_of(logits))
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        target = check_target(target, logits, self.classes_of(logits), self.multi_label)
        mass = self.class_weights(self.classes_of(logits))
        if mass is None:
            loss = self.losses(logits, target, **kwargs)
        elif target.ndim == 1:
            mass = mass.to(logits.dtype)[target]
            loss = self.losses(logits, target, **kwargs) * mass
        else:
            target = target * mass.to(logits.dtype)
            mass = target.sum(1)
            loss = self.losses(logits, target, **kwargs)
        if weight is not None:
            check_tensor('weight', weight)
            if weight.shape != loss.shape[:1]:
                raise ValueError(f'weight has shape {tuple(weight.shape)}, expected ({len(loss)},), one a sample')
            weight = weight.to(loss.dtype)
            loss = loss * (weight if loss.ndim == 1 else weight[:, None])
            mass = weight if mass is None else mass * weight
        return self.loss_weight * self._reduce(loss, mass, avg_factor, reduction)

    def classes_of(self, logits: Tensor):
        """C of (N, C) logits."""
        return logits.size(-1)

    def _reduce(self, loss, mass, avg_factor, reduction):
        if reduction == 'none':
            return loss
        if reduction == 'sum':
            if avg_factor is not None:
                raise ValueError(f'avg_factor={avg_factor} goes with reduction="mean", this loss has "sum"')
            return loss.sum()
        if self.avg == 'weight' and mass is not None:
            mass = mass.sum()
            return loss.sum() / mass.masked_fill(mass == 0, 1)
        if avg_factor is None or self.avg == 'weight':
            avg_factor = max(loss.numel(), 1)
        elif not torch.is_tensor(avg_factor) and not isinstance(avg_factor, (int, float)):
            raise TypeError(f'avg_factor must be a number, got {avg_factor!r:.60}')
        elif torch.is_tensor(avg_factor) and avg_factor.numel() != 1:
            raise ValueError(f'avg_factor has shape {tuple(avg_factor.shape)}, expected one number')
        elif (not torch.is_tensor(avg_factor) or readable(avg_factor)) and not 0 < avg_factor < math.inf:
            raise ValueError(f'avg_factor={avg_factor}, expected a number > 0 to divide the loss by')
        return loss.sum() / avg_factor

    def extra_repr(self) -> str:
        """The arguments, by name, those of the subclass first."""
        names = {name: None for cls in type(self).__mro__ if '__init__' in vars(cls) and issubclass(cls, LongTailLoss)
                 for name, p in signature(cls.__init__).parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD,
                                                                                         p.KEYWORD_ONLY)}
        values = {name: getattr(self, name) for name in names if hasattr(self, name) and name != 'class_counts'}
        said = [f'{name}={value!r}' for name, value in values.items() if isinstance(value, int | float | str | tuple)]
        return ', '.join([*said, f'classes={len(self.class_counts)}'] if self.class_counts.numel() else said)

    @property
    def counting(self):
        """True where online statistics may change: in a training step, never in evaluation."""
        return self.training and torch.is_grad_enabled()

    def derive(self) -> None:
        self.size(len(self.class_counts))

    def size(self, num_classes: int) -> None:
        """Give the ``sized`` buffers their width, once."""
        for name in self.sized:
            buffer = getattr(self, name)
            if not buffer.numel():
                setattr(self, name, buffer.new_zeros(num_classes, *buffer.shape[1:]))
            elif len(buffer) != num_classes:
                raise ValueError(f'{type(self).__name__}.{name} holds {len(buffer)} classes, expected {num_classes}; '
                                 'the head, num_classes and the class counts must agree')

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in self.sized:
            own, loaded = getattr(self, name), state_dict.get(prefix + name)
            if loaded is not None and loaded.shape != own.shape:
                if loaded.numel():
                    setattr(self, name, own.new_zeros(loaded.shape))
                else:  # saved before its first step
                    state_dict = {**state_dict, prefix + name: own}
        super()._load_from_state_dict(state_dict, prefix, *args)


class ClassWeightedLoss(LongTailLoss):
    """A loss with optional class weights. They multiply the loss and enter nothing else that it computes.

    Args:
        class_weight: None, weights (C,), ``'inverse'`` (1 / n) or ``'effective'`` (effective number), both summing to
            C. With ``'effective'`` and a stage that begins late this is deferred re-weighting (DRW).
        beta (float): of ``'effective'``.
    """

    def __init__(self, class_counts: Counts | None = None, *, class_weight: Any = None, beta: float = 0.9999, **kwargs):
        if isinstance(class_weight, str):
            _check_choice('class_weight', class_weight, ('inverse', 'effective'))
        check_range(self, '[0, 1]', beta=beta)
        super().__init__(class_counts, **kwargs)
        self.class_weight = class_weight
        self.beta = beta
        if class_weight is not None and not isinstance(class_weight, str):
            self.class_weight = 'given'
            weight = torch.as_tensor(class_weight, dtype=torch.float64)
            if weight.ndim != 1 or not ((weight >= 0) & weight.isfinite()).all():
                raise ValueError(f'class_weight={class_weight}; expected finite weights >= 0, one a class')
            self.register_buffer('given_weight', weight, persistent=False)

    def class_weights(self, num_classes: int):
        if self.class_weight is None:
            return None
        if self.class_weight == 'given':
            if len(self.given_weight) != num_classes:
                raise ValueError(f'class_weight has {len(self.given_weight)} entries for {num_classes} classes')
            return self.given_weight
        self.check_counts(num_classes)
        if self.class_weight == 'inverse':
            return inverse_weights(self.class_counts)
        return effective_weights(self.class_counts, self.beta)


def check_target(target: Tensor, logits: Tensor, num_classes: int, multi_label: bool = False):
    """Check labels (N,) or rows (N, C) against ``logits``; rows come back in the logits' dtype."""
    check_tensor('target', target)
    soft = target.ndim == 2
    if target.is_complex() or (target.dtype == torch.bool and not soft):
        raise TypeError(f'target is {target.dtype}, expected integer labels or soft rows')
    if target.shape != ((len(logits), num_classes) if soft else (len(logits), )):
        raise ValueError(f'target has shape {tuple(target.shape)}, expected ({len(logits)},) labels or '
                         f'({len(logits)}, {num_classes}) soft rows for logits {tuple(logits.shape)}')
    if multi_label and not soft:
        raise ValueError(f'expected multi-hot rows ({len(logits)}, {num_classes}), got labels {tuple(target.shape)}')
    if not soft and target.dtype.is_floating_point:
        raise ValueError(f'labels must be integers, got {target.dtype}; pass target.long()')
    if readable(target) and target.numel():
        low, high = target.aminmax()  # NaN if any is
        if not (low >= 0 and high <= (1 if soft else num_classes - 1)):
            value, allowed = high if low >= 0 else low, '[0, 1]' if soft else f'[0, {num_classes})'
            raise ValueError(f'the target holds {value.item():g}, expected values in {allowed}; '
                             'check num_classes of the head against the data set')
        if soft and not multi_label:
            off = (target.sum(1, dtype=torch.float32) - 1).abs().max()
            if off > 0.01:
                raise ValueError(f'a soft row misses the sum 1 by {off.item():g}; '
                                 'normalise it, or take a multi-label loss')
    return target.to(logits.dtype) if soft else target.long()


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f'{name}={value!r}; expected one of {choices}')
