"""What the losses of RoI heads share.  N RoIs, C foreground classes, labels 0 .. C-1, background C."""
import torch
from torch.nn import functional as F

from ..core.counts import as_counts
from ..core.losses.base import LongTailLoss
from ..data.annotations import read_counts


class RoILoss(LongTailLoss):
    """A mixin that lets MMDetection's RoI heads use a loss of ``mmlt.core``: ``class Loss(RoILoss, core.Loss)``.

    When the RoI head is built it calls :meth:`get_cls_channels`, which returns the width of its classifier and tells
    the loss C. At test, and between the stages of a cascade, it calls :meth:`get_activation` for scores (N, C + 1), the
    background last. Class counts are those of the C foreground classes.

    Args:
        num_classes (int, optional): C, if the config is to be checked against the head.
        use_sigmoid: not used; there so that a base config's ``CrossEntropyLoss`` may be overridden by ``type`` alone.

    Attributes:
        num_classes (int): C, None until the head has asked.
        extra_channels (int): logits beyond the C classes.
        count_unit (str): what ``ClassCountsHook`` counts for it: ``'instance'`` or ``'image'``.
        allow_empty (bool): a class without training images is no error.

    Raises:
        RuntimeError: the head never asked for the width, as dense heads do not.
        ValueError: the logits have another width, or the counts are of another number of classes.
        AttributeError: the head asks for ``use_sigmoid`` to choose an activation of its own.
    """

    custom_cls_channels = custom_activation = custom_accuracy = True  # MMDetection reads one here, another there
    extra_channels = 1
    count_unit = 'instance'
    allow_empty = False
    num_classes = None

    def __init__(self, class_counts=None, *, num_classes=None, use_sigmoid=None, **kwargs):
        super().__init__(class_counts, **kwargs)
        self._expected = num_classes

    def __getattr__(self, name):
        if name == 'use_sigmoid':  # asked for by heads that hard-code their classifier and activation
            raise AttributeError(f'{type(self).__name__} brings its own activation, which this head would not call; '
                                 'use it in a RoI head with cls_predictor_cfg: BBoxHead, ConvFCBBoxHead, '
                                 'Shared2FCBBoxHead')
        return super().__getattr__(name)

    def get_cls_channels(self, num_classes):
        """C -> the number of logits."""
        if self._expected not in (None, num_classes):
            raise ValueError(f'{type(self).__name__} has num_classes={self._expected}, its head {num_classes}')
        self.num_classes = num_classes
        if self.class_counts.numel():
            as_counts(self.class_counts, num_classes, self.allow_empty)
        return num_classes + self.extra_channels

    def get_activation(self, logits):
        """Logits -> scores (N, C + 1)."""
        return logits.softmax(-1)

    def get_accuracy(self, logits, labels):
        """-> {'acc': per cent of the RoIs whose best score is their label's}."""
        hits = self.get_activation(logits).argmax(-1) == labels
        return dict(acc=hits.float().sum() * (100.0 / max(len(hits), 1)))

    def set_class_counts(self, counts):
        counts = as_counts(read_counts(counts, self.count_unit), self.num_classes, self.allow_empty)
        self.class_counts = counts.to(self.class_counts)
        self.derive()

    def check_counts(self, num_classes=None):
        super().check_counts(self.num_classes)

    def classes_of(self, logits):
        if self.num_classes is None:
            raise RuntimeError(
                f'{type(self).__name__} is a loss of RoI heads, which ask it for get_cls_channels; this head did not. '
                'Dense heads (RetinaNet, FCOS, YOLOX) and DETR do not, nor would they call its activation: keep the '
                'loss that the head had; SwapClassifier may change its classifier')
        if logits.size(1) != self.num_classes + self.extra_channels:
            raise ValueError(f'{type(self).__name__} needs {self.num_classes + self.extra_channels} logits for '
                             f'{self.num_classes} classes, got {logits.size(1)}; the head must build its classifier '
                             'from cls_predictor_cfg with get_cls_channels')
        return self.num_classes + 1

    def class_weights(self, num_classes):
        weights = super().class_weights(num_classes)
        if weights is None or len(weights) == num_classes:
            return weights
        return F.pad(weights, (0, 1), value=1.0)

    def is_background(self, labels):
        """(N,) -> (N, 1)."""
        return (labels == self.num_classes)[:, None]


def group_index(counts, bins):
    """The group [bins[g - 1], bins[g]) that each count lies in, (C,) -> (C,) in 0 .. len(bins)."""
    if list(bins) != sorted(set(bins)):
        raise ValueError(f'bins must ascend, got {tuple(bins)}')
    return torch.bucketize(counts, counts.new_tensor(bins), right=True)


class SoftmaxRoILoss(RoILoss):
    """A loss whose scores are the softmax over C + 1 logits, so that a hard-coded softmax will do as well."""

    use_sigmoid = False


class SigmoidRoILoss(RoILoss):
    """C + 1 binary problems; the last asks for background.

    Args:
        test_with_obj (bool): multiply the scores of the classes by 1 - that of the background.
    """

    test_with_obj = False
    allow_empty = True

    def __init__(self, class_counts=None, *, test_with_obj=None, **kwargs):
        super().__init__(class_counts, **kwargs)
        if test_with_obj is not None:
            self.test_with_obj = test_with_obj

    def get_activation(self, logits):
        scores = logits.sigmoid()
        if not self.test_with_obj:
            return scores
        background = scores[:, -1:]
        return torch.cat([scores[:, :-1] * (1 - background), background], 1)
