"""Segmentors around the classifier layers.  N images, C classes."""
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.adjust import LogitAdjust
from ..engine.models import SwapClassifier


class PixelLogitAdjust(LogitAdjust):
    """:class:`~mmlt.core.adjust.LogitAdjust` with the pixels of each class."""
    count_unit = 'pixel'


class LongTailSegmentor:
    """Any classifier layer in the place of the decode head's ``conv_seg``, and post-hoc logit adjustment.

    The layer keeps the weights and the keys of ``conv_seg``, so a stage-1 checkpoint loads; auxiliary heads stay.
    The head's ``ignore_index``, ``align_corners`` and sampler stay as they are.

    Args:
        classifier (dict, optional): the layer, ``dict(type='CosineLinear', scale=20)``.
        logit_adjust (dict, optional): add ``tau * (log target - log pi)`` to the logits of predictions: ``tau=1.0``,
            ``target=None``, ``class_counts``, pixels or the json file of ``tools/count_classes.py``, ``force=False``.
        freeze (bool): train the classifier layer alone; batch norm keeps its statistics.
        **kwargs: of the segmentor.

    Raises:
        ValueError: the decode head has no ``conv_seg``; counts of another number of classes; ``logit_adjust`` on top
            of a loss that corrects the prior already (without ``force=True``), or of a head with one logit.
    """

    def __init__(self, *args, classifier=None, logit_adjust=None, freeze=False, **kwargs):
        super().__init__(*args, **kwargs)
        cascade = isinstance(self.decode_head, nn.ModuleList)
        head = self.decode_head[-1] if cascade else self.decode_head
        if not isinstance(getattr(head, 'conv_seg', None), nn.Module):
            raise ValueError(f'{type(head).__name__} has no conv_seg, the 1x1 convolution that classifies pixels; take '
                             'SwapClassifier with the path of its classifier')
        if classifier is not None:
            SwapClassifier(self, classifier, f'decode_head.{len(self.decode_head) - 1}.conv_seg' if cascade else
                           'decode_head.conv_seg')
        self.adjust = None if logit_adjust is None else _adjust(head, **logit_adjust)
        self.freeze = freeze
        if freeze:
            trained = {id(p) for p in head.conv_seg.parameters() if p.requires_grad}
            for p in self.parameters():
                p.requires_grad_(id(p) in trained)

    def train(self, mode=True):
        super().train(mode)
        if self.freeze:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def encode_decode(self, inputs, batch_img_metas):
        logits = super().encode_decode(inputs, batch_img_metas)
        return logits if self.adjust is None else self.adjust(logits)


def _adjust(head, force=False, **kwargs):
    losses = head.loss_decode if isinstance(head.loss_decode, nn.ModuleList) else [head.loss_decode]
    for loss in losses:
        if getattr(loss, 'corrects_prior', False) and not force:
            raise ValueError(f'{type(loss).__name__} corrects the class prior in training; logit_adjust would correct '
                             'it twice. Drop one, or pass logit_adjust=dict(force=True, ...)')
    if head.out_channels == 1:
        raise ValueError('logit_adjust needs a logit a class, the head has one; set out_channels=2')
    return PixelLogitAdjust(head.num_classes, **kwargs)


class LongTailEncoderDecoder(LongTailSegmentor, EncoderDecoder):
    __doc__ = 'MMSegmentation\'s ``EncoderDecoder`` for long-tailed pixels. ' + LongTailSegmentor.__doc__


class LongTailCascadeEncoderDecoder(LongTailSegmentor, CascadeEncoderDecoder):
    """The same around MMSegmentation's ``CascadeEncoderDecoder``; the last stage's classifier counts."""
