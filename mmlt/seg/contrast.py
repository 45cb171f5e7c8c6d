"""Contrast of pixels in MMSegmentation.  N images, D features of h x w pixels, C classes, M chosen pixels."""
import torch
from mmseg.registry import MODELS

from ..core.checks import check_integer, check_range
from ..core.contrast import ClassQueue
from ..core.contrast.pixels import balanced_pixels, resize_labels
from ..core.contrast.projector import Projector
from ..core.random import Draws
from .segmentors import LongTailEncoderDecoder


class ContrastSegmentor(LongTailEncoderDecoder):
    """``LongTailEncoderDecoder`` whose decode head also contrasts pixels: what its ``conv_seg`` reads, as many pixels
    of each class as there are, projected. With ``BalancedContrastiveLoss`` the idea of BCL (Zhu et al., CVPR 2022,
    arXiv:2207.09052) for segmentation, mmlt's own: prototypes are the projected rows of the classifier's weight.

    Args:
        contrast (dict): the loss.
        contrast_weight (float): its weight beside the head's losses.
        dim (int): of the projection.
        pixels (int): M of each step and rank.
        seed (int): of the choice.
        **kwargs: of ``LongTailEncoderDecoder``.

    Raises:
        ValueError: the decode head has no ``conv_seg``.
    """

    def __init__(self, *args, contrast=None, contrast_weight=0.1, dim=128, pixels=1024, seed=0, **kwargs):
        check_range(self, '[0, inf)', contrast_weight=contrast_weight)
        check_integer(self, 2, pixels=pixels)
        super().__init__(*args, **kwargs)
        self.contrast = MODELS.build(contrast or dict(type='BalancedContrastiveLoss'))
        self.projector = Projector(self.decode_head.channels, dim)
        self.prototypes = None
        if 'prototypes' in self.contrast.requires:
            self.prototypes = Projector(self.decode_head.channels, dim)
        self.contrast_weight, self.pixels, self.draws = contrast_weight, pixels, Draws(seed)
        self._read = None
        self.decode_head.conv_seg.register_forward_pre_hook(self._keep)

    def _keep(self, layer, inputs):
        if self.training:
            self._read = inputs[0]

    def _decode_head_forward_train(self, inputs, data_samples):
        losses = super()._decode_head_forward_train(inputs, data_samples)
        feats, self._read = self._read, None
        labels = resize_labels(torch.cat([sample.gt_sem_seg.data for sample in data_samples]), feats.shape[2:])
        ignored = self.decode_head.ignore_index
        chosen = balanced_pixels(labels, self.pixels, self.draws.generator('cpu'), ignored)
        feats, labels = feats.movedim(1, -1).flatten(0, 2)[chosen], labels.flatten()[chosen]
        any_pixel = (labels != ignored).any()
        loss = self.pixel_loss(feats, torch.where(any_pixel, labels, 0))
        losses['loss_contrast'] = self.contrast_weight * torch.where(any_pixel, loss, 0)
        return losses

    def pixel_loss(self, feats, labels):
        """(M, D), (M,) -> scalar."""
        args = () if self.prototypes is None else (self.prototypes(self.decode_head.conv_seg.weight.flatten(1)), )
        return self.contrast(self.projector(feats)[:, None], labels, *args)


class GMLSegmentor(ContrastSegmentor):
    """The idea of GML (Suh and Seo, ICML 2023, arXiv:2305.01160) for segmentation: the likelihood of a pixel's
    projection among those of the last pixels of each class. The authors' code has no segmentation; this is mmlt's own:
    the queue holds the decode head's own pixel features, without gradient, and all of it is projected anew each step.

    Args:
        class_counts: pixels (C,), or the json file of ``tools/count_classes.py``.
        queue (dict): ``length`` and ``min_size`` of :class:`~mmlt.core.contrast.ClassQueue`.
        temperature (float): of the likelihood.
        **kwargs: of :class:`ContrastSegmentor`, without ``contrast``.

    Raises:
        ValueError: a class without a pixel, or a queue shorter than C min_size.
    """

    def __init__(self, *args, class_counts=None, queue=None, temperature=0.07, **kwargs):
        loss = dict(type='GaussianMixtureLoss', temperature=temperature, class_counts=class_counts)
        super().__init__(*args, contrast=loss, **kwargs)
        self.queue = ClassQueue(**{**dict(length=4096, min_size=4), **(queue or {})}, dim=self.decode_head.channels,
                                class_counts=class_counts)
        self.project_key = Projector(self.decode_head.channels, self.projector[-1].out_features)
        self.queue.count_unit = self.contrast.count_unit = 'pixel'

    def pixel_loss(self, feats, labels):
        if self.training:
            self.queue.enqueue(feats.detach().float(), labels, torch.zeros_like(labels))
        return self.contrast(self.projector(feats), labels, self.project_key(self.queue.feat), self.queue.label,
                             keep=self.queue.filled)
