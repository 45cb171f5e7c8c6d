"""A copy of the network that follows it slowly and makes the keys. He et al., CVPR 2020, arXiv:1911.05722."""
import copy

import torch
from torch import nn

from ..core.checks import check_range
from .views import MultiViewClassifier

COPY = 'key_encoder.'


class MomentumClassifier(MultiViewClassifier):
    """Base of the classifiers with keys. A subclass makes its ``projector`` and calls :meth:`make_copy`."""

    def make_copy(self, momentum):
        """Copy backbone, neck and projector; with ``momentum=None`` there is no copy."""
        if momentum is not None:
            check_range(self, '[0, 1]', momentum=momentum)
        self.momentum = momentum
        if momentum is not None:
            self.key_encoder = copy.deepcopy(self._encoder()).requires_grad_(False)

    def _encoder(self):
        return nn.ModuleDict(dict(backbone=self.backbone, projector=self.projector, **(
            dict(neck=self.neck) if self.with_neck else {})))

    def init_weights(self):
        super().init_weights()
        if self.momentum is not None:
            self.key_encoder.load_state_dict(self._encoder().state_dict())

    @torch.no_grad()
    def keys_of(self, view):
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
