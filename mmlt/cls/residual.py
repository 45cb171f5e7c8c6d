"""Branches on one map, for all, for medium and rare, and for rare classes.  N images, D channels, C classes."""
import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn

from .heads import LongTailClsHead
from .multi_expert import MultiExpertClsHead, PlainInBackbone

BRANCHES = 3


class ResidualBranches(PlainInBackbone, BaseModule):
    """A backbone whose last map goes through three batch norms, side by side. Cui et al., ResLT, TPAMI 2022,
    arXiv:2101.10633.

    The released code for CIFAR; for larger sets it has a 1 x 1 convolution a branch. The weights of a plain network
    load into the backbone.

    Args:
        backbone (dict): config of any backbone with maps (N, D, H, W).
        channels (int): D.

    Returns 3 maps.
    """

    def __init__(self, backbone, channels):
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.branches = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(BRANCHES))

    def forward(self, x):
        x = self.backbone(x)[-1]
        return tuple(norm(x) for norm in self.branches)


class ResidualClsHead(LongTailClsHead):
    """One classifier for the features of all branches, of which it predicts from the mean. Its loss is ``ResLTLoss``;
    any other is averaged over the branches.

    With a linear classifier these are the mean logits. The released code adds them: the same classes, with three times
    the logits, though each branch learns to be right alone.

    Args:
        **kwargs: of :class:`LongTailClsHead`.
    """

    feats_apart = True  # each has its own

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.cal_acc:
            raise ValueError('ResidualClsHead has no cal_acc; LongTailMetric measures the accuracy of the mean')

    def pre_logits(self, feats):
        """3 features (N, D) -> (3, N, D)."""
        if len(feats) != BRANCHES:
            raise ValueError(f'ResidualClsHead reads {BRANCHES} features, the backbone gives {len(feats)}; take '
                             "dict(type='ResidualBranches', backbone=..., channels=...)")
        return torch.stack(tuple(feats))

    def forward(self, feats):
        return self.fc(self.pre_logits(feats).mean(0))

    _get_loss = MultiExpertClsHead._get_loss
