"""MMPretrain heads around the classifier layers.  N batch, D in_channels, C num_classes."""
import inspect

import torch
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.registry import MODELS
from torch import nn

from ..core import layers
from ..core.adjust import adjust, adjustment
from ..core.checks import check_range
from ..core.counts import ClassCounts, as_counts
from ..engine.inputs import loss_inputs

__all__ = [
    'CausalClsHead', 'CosineClsHead', 'DisAlignClsHead', 'LWSClsHead', 'LongTailClsHead', 'NCMClsHead',
    'TauNormClsHead',
]


class LongTailClsHead(LinearClsHead, ClassCounts):
    """MMPretrain's ``LinearClsHead`` with any classifier layer and post-hoc logit adjustment.

    The layer is ``fc``, so the checkpoint of a ``LinearClsHead`` loads. The loss is given what it ``requires`` beside
    logits and labels, see :mod:`mmlt.engine.inputs`; keywords of :meth:`loss` win over what the head finds.

    Args:
        num_classes (int): C.
        in_channels (int): D.
        classifier (dict | str, optional): the layer, ``dict(type='CosineLinear', scale=16)``. By default ``nn.Linear``.
        logit_adjust (dict, optional): at test add ``tau * (log target - log pi)`` to the logits: ``tau=1.0``,
            ``target=None`` (uniform) or the counts that the test data follow, ``force=False``. Menon et al., ICLR 2021,
            arXiv:2007.07314.
        class_counts: training counts, or None to have ``ClassCountsHook`` fill them; read by ``logit_adjust`` alone.
        **kwargs: ``loss``, ``topk``, ``cal_acc``, ``init_cfg`` of ``LinearClsHead``.

    Raises:
        ValueError: ``logit_adjust`` on top of a loss that corrects the prior already (without ``force=True``), with an
            unknown key or value, or with a class that has no training image; ``cal_acc`` with a layer that widens its
            logits.
        TypeError: ``logit_adjust`` is no dict.
        RuntimeError: ``logit_adjust`` without class counts, at test.
    """

    allow_empty = True

    def __init__(self, num_classes, in_channels, classifier=None, logit_adjust=None, class_counts=None, **kwargs):
        super().__init__(num_classes, in_channels, **kwargs)
        if isinstance(classifier, str):
            classifier = dict(type=classifier)
        if classifier is not None:
            self.fc = MODELS.build(dict(classifier, in_features=in_channels, out_features=num_classes))
        if self.cal_acc and isinstance(self.fc, layers.GroupSoftmaxLinear):
            raise ValueError('cal_acc=True needs (N, C) logits in training, GroupSoftmaxLinear widens them')
        self.adjust = None
        if logit_adjust is not None:
            if not isinstance(logit_adjust, dict):
                raise TypeError(f'logit_adjust={logit_adjust!r}; expected a dict such as dict(tau=1.0)')
            self.adjust = dict(tau=1.0, target=None, force=False)
            unknown = logit_adjust.keys() - self.adjust
            if unknown:
                raise ValueError(f'logit_adjust has no {", ".join(sorted(unknown))}; it takes tau, target and force')
            self.adjust.update(logit_adjust)
            check_range(self, '(-inf, inf)', tau=self.adjust['tau'])
            target = self.adjust['target']
            target = torch.ones(num_classes) if target is None else target
            self.target = as_counts(target, num_classes, allow_empty=True)
            if not self.target.any():
                raise ValueError('logit_adjust: the target is 0 for every class')
            self.register_buffer('shift', None, persistent=False)
            self._refuse_twice()
        self.take(class_counts)

    def set_class_counts(self, counts):
        """Take the training counts (C,). A class without an image is an error if ``logit_adjust`` is to use them."""
        self.class_counts = as_counts(counts, self.num_classes, allow_empty=True).to(self.class_counts)
        self.derive()

    def derive(self):
        if self.adjust is not None:
            counts = as_counts(self.class_counts.cpu())
            self.shift = adjustment(counts, self.target, self.adjust['tau']).to(self.class_counts)

    def forward(self, feats):
        return self.fc(self.pre_logits(feats))

    def loss(self, feats, data_samples, **kwargs):
        if type(self.loss_module).__name__ == 'SeesawLoss' and 'gt_score' in data_samples[0]:
            raise ValueError("MMPretrain's SeesawLoss takes labels, a mixup makes soft ones; use SeesawSoftmaxLoss")
        x = self.pre_logits(feats)
        weight = self.fc.weight if type(self.fc) is nn.Linear else None
        kwargs = loss_inputs(self.loss_module, data_samples, **{'feats': x, 'class_vectors': weight, **kwargs})
        losses = self._get_loss(self.fc(x), data_samples, **kwargs)
        if hasattr(self.fc, 'own_losses'):
            losses.update(self.fc.own_losses(x, targets_of(data_samples)))
        return losses

    def adjust_logits(self, logits):
        """(N, C) -> (N, C): logits for the target prior."""
        if self.adjust is None:
            return logits
        self._refuse_twice()
        self.check_counts(logits.shape[-1])
        return adjust(logits, self.shift)

    def _get_predictions(self, cls_score, data_samples):
        return super()._get_predictions(self.adjust_logits(cls_score), data_samples)

    def _refuse_twice(self):
        if getattr(self.loss_module, 'corrects_prior', False) and not self.adjust['force']:
            raise ValueError(f'{type(self.loss_module).__name__} corrects the class prior in training; logit_adjust '
                             'would correct it twice. Drop one, or pass logit_adjust=dict(force=True, ...)')


def targets_of(data_samples):
    """Labels (N,) or soft rows (N, C) of MMPretrain's data samples."""
    if 'gt_score' in data_samples[0]:
        return torch.stack([sample.gt_score for sample in data_samples])
    return torch.cat([sample.gt_label for sample in data_samples])


class _ShortHead(LongTailClsHead):
    """``LongTailClsHead`` with its layer named; the layer's own arguments stand beside the head's."""

    def __init__(self, *args, classifier=None, **kwargs):
        own = inspect.signature(self.layer).parameters.keys() & kwargs.keys()
        classifier = dict(classifier or {}, **{key: kwargs.pop(key) for key in own})
        super().__init__(*args, classifier=dict(classifier, type=self.layer), **kwargs)


class CosineClsHead(_ShortHead):
    """Head around :class:`~mmlt.core.layers.CosineLinear`: ``dict(type='CosineClsHead', scale=16, ...)``."""
    layer = layers.CosineLinear


class TauNormClsHead(_ShortHead):
    """Head around :class:`~mmlt.core.layers.TauNormLinear`."""
    layer = layers.TauNormLinear


class LWSClsHead(_ShortHead):
    """Head around :class:`~mmlt.core.layers.LWSLinear`."""
    layer = layers.LWSLinear


class NCMClsHead(_ShortHead):
    """Head around :class:`~mmlt.core.layers.NCMClassifier`; ``FitClassifierHook`` fits it."""
    layer = layers.NCMClassifier


class CausalClsHead(_ShortHead):
    """Head around :class:`~mmlt.core.layers.CausalLinear`."""
    layer = layers.CausalLinear


class DisAlignClsHead(_ShortHead):
    """Head around :class:`~mmlt.core.layers.DisAlignLinear`."""
    layer = layers.DisAlignLinear
