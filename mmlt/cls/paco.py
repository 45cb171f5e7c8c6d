"""Parametric contrast.  N images, 2 views, C classes, D features, E projected, K keys of a queue."""
import torch
from mmpretrain.registry import MODELS

from ..core.contrast import KeyQueue
from ..core.contrast.projector import DeepProjector, Projector
from .momentum import MomentumClassifier
from .views import labels_of


class PaCoClassifier(MomentumClassifier):
    """The first view's logits and projections among the keys of the second and of a queue, in one softmax. PaCo: Cui et
    al., Parametric Contrastive Learning, ICCV 2021, arXiv:2107.12028; with ``momentum=None`` GPaCo: Cui et al.,
    Generalized Parametric Contrastive Learning, TPAMI 2023, arXiv:2209.12400.

    PaCo's keys come from a copy of the network that follows it slowly; GPaCo's from the network itself, and both views
    are anchors. The contrast is the whole loss: that of the head is not used. Views come from
    ``RepeatPipeline(num_views=2)``. At test this is an ``ImageClassifier``.

    The released queue begins with noise of random classes; here its empty places take no part. The released code
    shuffles the keys' images over the ranks, so that their batch norm does not give a query away: with labels there is
    nothing to give away, and the keys stay on their rank.

    Args:
        dim (int): E; 32 on CIFAR, 128 on large sets.
        queue_length (int): K; 1,024 on CIFAR, 8,192 on large sets.
        momentum (float, optional): of the copy in each step, or None for GPaCo.
        contrast (dict): ``PaCoLoss``.
        **kwargs: of ``ImageClassifier``; the published classifier is linear.

    Raises:
        ValueError: the pipeline does not make 2 views, or a batch of one image meets batch norm.
    """

    def __init__(self, backbone, dim=128, queue_length=8192, momentum=0.999, contrast=None, **kwargs):
        super().__init__(backbone, **kwargs)
        self.contrast = MODELS.build(contrast or dict(type='PaCoLoss'))
        self.queue = KeyQueue(queue_length, dim)
        self.projector = DeepProjector(self.width, dim) if momentum is None else Projector(self.width, dim)
        self.make_copy(momentum)

    def loss(self, inputs, data_samples):
        first, second = self.views_of(inputs, 2)
        labels = labels_of(data_samples)
        anchors, logits = self._encode(first)
        if self.momentum is None:
            keys, more = self._encode(second)
            loss = self.contrast(torch.cat([anchors, keys]), labels.repeat(2), torch.cat([logits, more]),
                                 self.queue.feat, self.queue.label)
        else:
            keys = self.keys_of(second)
            loss = self.contrast(anchors, labels, logits, torch.cat([keys, self.queue.feat]),
                                 torch.cat([labels, self.queue.label]))
        if self.training:
            self.queue.enqueue(keys.detach(), labels)
        return dict(loss=loss)

    def _encode(self, view):
        feats = self.extract_feat(view)
        return self.projector(self.head.pre_logits(feats)), self.head(feats)
