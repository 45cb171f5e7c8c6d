"""Contrast with k positives.  N images, 2 views, C classes, D features, E projected, K keys of a queue."""
import torch
from mmpretrain.registry import MODELS

from ..core.contrast import KeyQueue
from ..core.contrast.projector import Projector
from .momentum import MomentumClassifier
from .views import labels_of


class KPositiveClassifier(MomentumClassifier):
    """Features by contrast alone: the first view against the second, of a slow copy of the network, and a queue. KCL:
    Kang et al., ICLR 2021; with ``TargetedContrastiveLoss`` TSC: Li et al., CVPR 2022, arXiv:2111.13998.

    The classifier learns beside it, from features that take no gradient, so that validation sees how far they are; the
    published second stage trains it anew, as ``mmlt refit`` does in seconds. Views come from
    ``RepeatPipeline(num_views=2)``. At test this is an ``ImageClassifier``.

    TSC's classes get their targets, by the best matching of classes and targets, at the beginning of each epoch; the
    released code matches in each step. Places of the queue that are still empty take no part, which are noise there,
    and the keys stay on their rank, which are shuffled there (see ``PaCoClassifier``).

    Args:
        dim (int): E.
        queue_length (int): K; 65,536 on ImageNet-LT.
        momentum (float): of the copy in each step.
        contrast (dict): ``KPositiveLoss`` or ``TargetedContrastiveLoss``.
        **kwargs: of ``ImageClassifier``.

    Raises:
        ValueError: the pipeline does not make 2 views, or a batch of one image meets batch norm.
    """

    def __init__(self, backbone, dim=128, queue_length=65536, momentum=0.999, contrast=None, **kwargs):
        super().__init__(backbone, **kwargs)
        contrast = dict(contrast or dict(type='KPositiveLoss'))
        if contrast['type'] == 'TargetedContrastiveLoss':
            contrast.update(num_classes=self.head.num_classes, dim=dim)
        self.contrast = MODELS.build(contrast)
        self.queue = KeyQueue(queue_length, dim)
        self.projector = Projector(self.width, dim)
        self.make_copy(momentum)

    def loss(self, inputs, data_samples):
        first, second = self.views_of(inputs, 2)
        labels = labels_of(data_samples)
        if self.training and hasattr(self.contrast, 'assign') and self.epoch_begins():
            self._match_targets()
        feats = self.extract_feat(first)
        losses = self.head.loss(tuple(x.detach() for x in feats), data_samples)
        keys = self.keys_of(second)
        anchors = self.projector(self.head.pre_logits(feats))
        queue = self.queue.feat.clone()  # the backward pass needs it as it was
        losses['loss_contrast'] = self.contrast(anchors, labels, keys, queue, self.queue.label)
        if self.training:
            self.queue.enqueue(keys, labels)
        return losses

    def _match_targets(self):
        try:
            from scipy.optimize import linear_sum_assignment
        except ImportError as error:
            raise ImportError('TargetedContrastiveLoss matches classes and targets with scipy; pip install scipy'
                              ) from error
        similarity = self.contrast.similarity(self.queue.feat, self.queue.label)
        self.contrast.assign(torch.as_tensor(linear_sum_assignment(similarity.cpu().numpy(), maximize=True)[1]))
