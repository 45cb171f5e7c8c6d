"""Contrast beside the classifier: BCL and ProCo.  N images, V = 3 views, C classes, D features, E projected."""
import torch
from mmpretrain.registry import MODELS

from ..core.checks import check_range
from ..core.contrast.projector import Projector
from .views import MultiViewClassifier, labels_of, rows


class ContrastiveClassifier(MultiViewClassifier):
    """Cross entropy on the first view of each image, contrast of the projections of the other two. BCL: Zhu et al.,
    CVPR 2022, arXiv:2207.09052; with ``ProCoLoss`` ProCo: Du et al., TPAMI 2024, arXiv:2403.06726.

    All views go through the network in one batch. A loss with prototypes, as BCL's, gets the projected rows of the
    classifier's weight, by a projection of their own whose batch norm goes over the classes. Views come from
    ``MultiView(num_views=[1, 2], transforms=[strong, similar])``. At test this is an ``ImageClassifier``.

    Args:
        dim (int): E.
        hidden (int, optional): width of the projections' hidden layer, by default D.
        contrast (dict): ``BalancedContrastiveLoss``, ``ProCoLoss``, ``SupConLoss``.
        contrast_weight (float): of the contrast; the authors' 0.35 on large sets, 0.6 on CIFAR.
        cls_weight (float): of the head's loss; 1.0, and 2.0 on CIFAR.
        **kwargs: of ``ImageClassifier``; the published head is ``LongTailClsHead`` with ``CosineLinear`` and
            ``LogitAdjustLoss``.

    Raises:
        ValueError: the pipeline does not make 3 views, or a batch of one image meets batch norm.
    """

    def __init__(self, backbone, dim=128, hidden=None, contrast=None, contrast_weight=0.35, cls_weight=1.0, **kwargs):
        check_range(self, '[0, inf)', contrast_weight=contrast_weight, cls_weight=cls_weight)
        super().__init__(backbone, **kwargs)
        self.projector = Projector(self.width, dim, hidden)
        contrast = dict(contrast or dict(type='BalancedContrastiveLoss'))
        if contrast['type'] == 'ProCoLoss':
            contrast['dim'] = dim
        self.contrast = MODELS.build(contrast)
        self.prototypes = Projector(self.width, dim, hidden) if 'prototypes' in self.contrast.requires else None
        self.contrast_weight, self.cls_weight = contrast_weight, cls_weight

    def loss(self, inputs, data_samples):
        views, n = self.views_of(inputs, 3), len(data_samples)
        if self.epoch_begins() and hasattr(self.contrast, 'new_epoch'):
            self.contrast.new_epoch()
        feats = self.extract_feat(torch.cat(views))
        losses = self.head.loss(rows(feats, n), data_samples)
        losses = {name: self.cls_weight * x if name.startswith('loss') else x for name, x in losses.items()}
        projected = self.projector(self.head.pre_logits(feats)).view(3, n, -1)[1:].transpose(0, 1)
        args = () if self.prototypes is None else (self.prototypes(self.head.fc.weight), )
        contrast = self.contrast(projected, labels_of(data_samples), *args)
        losses['loss_contrast'] = self.contrast_weight * contrast
        return losses
