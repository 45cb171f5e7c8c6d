"""Parametric contrast.  N images, 2 views, C classes, D features, E projected, K keys of a queue."""
import copy

import torch
from mmpretrain.registry import MODELS
from torch import nn

from ..core.checks import check_range
from ..core.contrast import KeyQueue
from ..core.contrast.projector import DeepProjector, Projector
from .views import MultiViewClassifier, labels_of

COPY = 'key_encoder.'


class PaCoClassifier(MultiViewClassifier):
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
        if momentum is not None:
            check_range(self, '[0, 1]', momentum=momentum)
        super().__init__(backbone, **kwargs)
        self.contrast = MODELS.build(contrast or dict(type='PaCoLoss'))
        self.queue = KeyQueue(queue_length, dim)
        self.momentum = momentum
        self.projector = DeepProjector(self.width, dim) if momentum is None else Projector(self.width, dim)
        if momentum is not None:
            self.key_encoder = copy.deepcopy(self._encoder()).requires_grad_(False)

    def _encoder(self):
        return nn.ModuleDict(dict(backbone=self.backbone, projector=self.projector, **(
            dict(neck=self.neck) if self.with_neck else {})))

    def init_weights(self):
        super().init_weights()
        if self.momentum is not None:
            self.key_encoder.load_state_dict(self._encoder().state_dict())

    def loss(self, inputs, data_samples):
        first, second = self.views_of(inputs, 2)
        labels = labels_of(data_samples)
        anchors, logits = self._encode(first)
        if self.momentum is None:
            keys, more = self._encode(second)
            loss = self.contrast(torch.cat([anchors, keys]), labels.repeat(2), torch.cat([logits, more]),
                                 self.queue.feat, self.queue.label)
        else:
            keys = self._keys(second)
            loss = self.contrast(anchors, labels, logits, torch.cat([keys, self.queue.feat]),
                                 torch.cat([labels, self.queue.label]))
        if self.training:
            self.queue.enqueue(keys.detach(), labels)
        return dict(loss=loss)

    def _encode(self, view):
        feats = self.extract_feat(view)
        return self.projector(self.head.pre_logits(feats)), self.head(feats)

    @torch.no_grad()
    def _keys(self, view):
        """(N, E) of the copy, which takes its step first."""
        encoder = self.key_encoder
        if self.training:
            torch._foreach_lerp_([*encoder.parameters()], [*self._encoder().parameters()], 1 - self.momentum)
        feats = encoder['backbone'](view)
        feats = encoder['neck'](feats) if self.with_neck else feats
        return encoder['projector'](self.head.pre_logits(feats))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Weights of a network without a copy are the copy's, too."""
        if self.momentum is not None and not any(key.startswith(prefix + COPY) for key in state_dict):
            for part in ('backbone.', 'neck.', 'projector.'):
                for key in [key for key in state_dict if key.startswith(prefix + part)]:
                    state_dict[prefix + COPY + key[len(prefix):]] = state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *args)
