"""Losses of label maps.  N images, C classes, ... their pixels: logits (N, C, ...), labels (N, ...)."""
import torch
from torch.nn import functional as F

from ..core import losses
from ..core.losses.cross_entropy import vector_scale

__all__ = [
    'BalancedSoftmaxLoss', 'CDTLoss', 'ClassBalancedLoss', 'CostSensitiveLoss', 'GeneralizedReweightLoss', 'LDAMLoss',
    'LabelAwareSmoothLoss', 'LogitAdjustLoss', 'SoftmaxFocalLoss', 'VSLoss', 'WeightedSoftmaxLoss',
]


class PixelLoss:
    """A mixin that lets MMSegmentation's heads use a loss of ``mmlt.core``: ``class Loss(PixelLoss, core.Loss)``.

    Averages as MMSegmentation's ``CrossEntropyLoss`` does: over all pixels, or those that are not ignored; with class
    weights, by their sum over the pixels that are not ignored. Pixel weights, as an OHEM sampler gives them, stay out
    of what is divided by. Class counts are pixels, and ``ClassCountsHook`` does not count these: pass
    ``class_counts``, a list or the json file that ``tools/count_classes.py`` writes.

    Args:
        avg_non_ignore (bool): without class weights, leave ignored pixels out of the mean.
        loss_name (str): the loss's key in the log; one without the prefix ``loss_`` takes no part in training.
        use_sigmoid (bool): left over from the ``CrossEntropyLoss`` of a base config, must be false.
        **kwargs: of the loss in ``mmlt.core.losses``, without ``avg``.
    """

    count_unit = 'pixel'

    def __init__(self, class_counts=None, *, avg_non_ignore=False, loss_name='loss_ce', use_sigmoid=False, **kwargs):
        if use_sigmoid:
            raise ValueError(f'{type(self).__name__} is a softmax over the classes, use_sigmoid=True is not; drop it')
        if 'avg' in kwargs:
            raise ValueError(f'avg={kwargs["avg"]!r}: label maps are averaged as MMSegmentation does; drop it, or set '
                             'avg_non_ignore')
        super().__init__(class_counts, **kwargs)
        self.avg_non_ignore = avg_non_ignore
        self.loss_name = loss_name

    def adjusted(self, logits):
        """(N, C, ...) -> (N, C, ...)."""
        return logits

    def pixel_losses(self, logits, labels, mass, ignore_index):
        """(N, C, ...), (N, ...), class weights (C,) or None -> (N, ...), 0 where a pixel is ignored."""
        return F.cross_entropy(self.adjusted(logits), labels, mass, ignore_index=ignore_index, reduction='none')

    def forward(self, logits, labels, weight=None, avg_factor=None, reduction_override=None, ignore_index=255):
        """(N, C, ...), (N, ...) -> scalar, or (N, ...) with ``'none'``.

        Args:
            logits (Tensor): (N, C, ...).
            labels (Tensor): (N, ...) int64.
            weight (Tensor, optional): (N, ...), of the pixels.
            avg_factor (float | Tensor, optional): what to divide by.
            reduction_override (str, optional): used in place of ``reduction``.
            ignore_index (int): the label of the pixels without a loss.

        Raises:
            ValueError: shapes disagree, a label is out of range (read on CPU tensors only), the counts are of another
                number of classes, or ``avg_factor`` comes with ``'sum'``.
            RuntimeError: no class counts.
        """
        reduction = reduction_override or self.reduction
        self.check_counts(logits.size(1))
        check_labels(labels, logits, ignore_index)
        logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        mass = self.class_weights(logits.size(1))
        mass = mass if mass is None else mass.to(logits.dtype)
        loss = self.pixel_losses(logits, labels, mass, ignore_index)
        loss = loss if weight is None else loss * weight.to(loss.dtype)
        if reduction == 'mean':
            if avg_factor is None:
                avg_factor = self._pixels(labels, mass, ignore_index, loss.dtype)
            loss = loss.sum() / (avg_factor + torch.finfo(torch.float32).eps)
        elif reduction == 'sum':
            if avg_factor is not None:
                raise ValueError(f'avg_factor={avg_factor} goes with reduction="mean", this loss has "sum"')
            loss = loss.sum()
        return self.loss_weight * loss

    def _pixels(self, labels, mass, ignore_index, dtype):
        if mass is None and not self.avg_non_ignore:
            return labels.numel()
        valid = labels != ignore_index
        return valid.sum(dtype=dtype) if mass is None else (mass[labels * valid] * valid).sum()

    def check_counts(self, num_classes=None):
        name = type(self).__name__
        if not self.class_counts.numel():
            if not self.needs_counts and getattr(self, 'class_weight', None) in (None, 'given'):
                return
            raise RuntimeError(f'{name} has no class counts: count pixels with tools/count_classes.py MASK_FOLDER '
                               '--out counts.json and pass class_counts="counts.json"')
        if num_classes == 1:
            raise ValueError(f'{name} is a softmax over the classes, the head has one logit; set out_channels=2')
        super().check_counts(num_classes)


def check_labels(labels, logits, ignore_index):
    """Check labels (N, ...) against logits (N, C, ...)."""
    if labels.shape != (len(logits), *logits.shape[2:]):
        raise ValueError(f'labels have shape {tuple(labels.shape)}, expected {(len(logits), *logits.shape[2:])} for '
                         f'logits {tuple(logits.shape)}')
    if labels.device.type == 'cpu' and not torch.compiler.is_compiling():
        wrong = ((labels < 0) | (labels >= logits.size(1))) & (labels != ignore_index)
        if wrong.any():
            raise ValueError(f'a label map holds {int(labels[wrong][0])}, expected 0 .. {logits.size(1) - 1} or '
                             f'ignore_index={ignore_index}; check num_classes and reduce_zero_label')


class PriorPixelLoss(PixelLoss):
    """Logits moved and scaled by the counts."""

    def adjusted(self, logits):
        shape = (-1, *[1] * (logits.ndim - 2))
        terms = self.scale(self.class_counts), self.bias(self.class_counts)
        return vector_scale(logits, *(x if x is None else x.to(logits.dtype).view(shape) for x in terms))


class RowPixelLoss(PixelLoss):
    """Pixels as the rows of the loss for images, for a loss that is more than a cross entropy of adjusted logits."""

    def pixel_losses(self, logits, labels, mass, ignore_index):
        valid = labels != ignore_index
        rows, targets = logits.movedim(1, -1).flatten(0, -2), (labels * valid).flatten()
        loss = self.losses(rows, targets)
        loss = loss if mass is None else loss * mass[targets]
        return loss.view_as(labels) * valid


class BalancedSoftmaxLoss(PriorPixelLoss, losses.BalancedSoftmaxLoss):
    """CE(z + log n) a pixel. Ren et al., Balanced Meta-Softmax, NeurIPS 2020, arXiv:2007.10740."""


class LogitAdjustLoss(PriorPixelLoss, losses.LogitAdjustLoss):
    """CE(z + tau log pi) a pixel. Menon et al., ICLR 2021, arXiv:2007.07314. With ``tau=0`` it is MMSegmentation's
    ``CrossEntropyLoss``, to the last bit.

    >>> loss = LogitAdjustLoss(class_counts=[900, 90, 10])
    >>> loss(torch.zeros(1, 3, 1, 2), torch.tensor([[[2, 255]]]))
    tensor(2.3026)
    """


class VSLoss(PriorPixelLoss, losses.VSLoss):
    """CE(z (n / n_max)^gamma + tau log pi) a pixel. Kini et al., NeurIPS 2021, arXiv:2103.01550."""


class CDTLoss(PriorPixelLoss, losses.CDTLoss):
    """CE(z (n / n_max)^gamma) a pixel. Ye et al., 2020, arXiv:2001.01385."""


class GeneralizedReweightLoss(PixelLoss, losses.GeneralizedReweightLoss):
    """CE with weights (1 / pi_c)^rho that sum to C, for DisAlign. Zhang et al., CVPR 2021, arXiv:2103.16370.

    Args:
        rho (float): 0.2 is the paper's for ADE20K; 0 is CE over the pixels that are not ignored.
    """

    def __init__(self, class_counts=None, *, rho=0.2, **kwargs):
        super().__init__(class_counts, rho=rho, **kwargs)


class CostSensitiveLoss(PixelLoss, losses.CostSensitiveLoss):
    """CE with the weight (n_min / n_c)^gamma. Zhang et al., Bag of Tricks, AAAI 2021."""


class WeightedSoftmaxLoss(PixelLoss, losses.WeightedSoftmaxLoss):
    """CE with the weight 1 / pi_c, or 1 - ln(n_c / n_max)."""


class ClassBalancedLoss(RowPixelLoss, losses.ClassBalancedLoss):
    """CE, or C binary problems, with weights by the effective number of pixels. Cui et al., CVPR 2019,
    arXiv:1901.05555. Pixels are many: take ``beta`` close to 1, or the weights are all equal."""


class LDAMLoss(RowPixelLoss, losses.LDAMLoss):
    """CE with the margin max_margin (n_min / n)^(1/4). Cao et al., NeurIPS 2019, arXiv:1906.07413."""


class LabelAwareSmoothLoss(RowPixelLoss, losses.LabelAwareSmoothLoss):
    """CE with more smoothing of frequent classes. Zhong et al., MiSLAS, CVPR 2021, arXiv:2104.00466."""


class SoftmaxFocalLoss(RowPixelLoss, losses.SoftmaxFocalLoss):
    """(1 - p)^gamma times CE; needs no counts. Lin et al., ICCV 2017, arXiv:1708.02002."""
