"""Backbones and head of several experts, on a common trunk or apart.  E experts, N images, D features, C classes.

Wang et al., RIDE, ICLR 2021, arXiv:2010.01809; also of SADE, BalPoE and NCL.
"""
from functools import partial

import torch
import torch.nn.functional as F
from mmengine.model import ModuleList
from mmpretrain.models.backbones import ResNeXt
from mmpretrain.registry import MODELS
from torch import nn

from ..core.checks import check_integer
from .heads import LongTailClsHead, targets_of
from .resnet_cifar import ResNetCIFAR32, make_stage


def check_experts(owner, num_experts):
    """Raise a ValueError for fewer than two experts."""
    check_integer(owner, 1, num_experts=num_experts)
    if num_experts == 1:
        raise ValueError(f'{type(owner).__name__}: num_experts=1 is a plain network; take 2 or more experts, or the '
                         'plain backbone with LongTailClsHead')


def spread_plain_weights(number, place, state_dict, prefix, *args):
    """A hook before loading: what has no expert's number at this place of its name goes to each of the experts."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        own = key.removeprefix(prefix)
        if not own.split('.')[place].isdigit():
            value = state_dict.pop(key)
            state_dict.update({f'{prefix}{e}.{own}': value for e in range(number)})


class PlainInBackbone:
    """Of a module with a ``backbone``, into which the weights of a plain network load."""

    def _load_from_state_dict(self, state_dict, prefix, *args):
        parts = tuple(f'{name}.' for name, _ in self.named_children())
        for key in [key for key in state_dict if key.startswith(prefix)]:
            own = key.removeprefix(prefix)
            if not own.startswith(parts):
                state_dict[f'{prefix}backbone.{own}'] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


class ExpertStages(nn.ModuleList):
    """One stage an expert. The weights of a plain network's stage load into each."""

    def __init__(self, stages):
        super().__init__(stages)
        # place 1: expert.block.layer..., where the plain stage has block.layer...
        self._register_load_state_dict_pre_hook(partial(spread_plain_weights, len(self), 1))


class MultiExpertResNetCIFAR32(ResNetCIFAR32):
    """:class:`ResNetCIFAR32` whose second and third stage exist once an expert.

    Args:
        num_experts (int): E, 2 or more.
        reduce (bool): give these stages three quarters of their channels, 24 and 48 (RIDE, SADE); False is BalPoE's.
        **kwargs: of :class:`ResNetCIFAR32`, save ``out_indices``.

    Returns E maps, (N, 48, 8, 8) each for (N, 3, 32, 32).

    >>> [tuple(f.shape) for f in MultiExpertResNetCIFAR32(depth=20)(torch.zeros(2, 3, 32, 32))]
    [(2, 48, 8, 8), (2, 48, 8, 8), (2, 48, 8, 8)]
    """

    def __init__(self, num_experts=3, reduce=True, depth=32, base_channels=16, **kwargs):
        check_experts(self, num_experts)
        super().__init__(depth=depth, base_channels=base_channels, **kwargs)
        blocks, share = len(self.layer1), 3 if reduce else 4
        widths = [base_channels, 2 * base_channels * share // 4, 4 * base_channels * share // 4]
        for stage in (1, 2):
            experts = [make_stage(widths[stage - 1], widths[stage], blocks, 2) for _ in range(num_experts)]
            setattr(self, f'layer{stage + 1}', ExpertStages(experts))
        self.num_experts = num_experts

    def forward(self, x):
        x = self.trunk(x)
        return tuple(self.expert(x, e) for e in range(self.num_experts))

    def trunk(self, x):
        """(N, 3, H, W) -> what all experts read."""
        x = x.contiguous(memory_format=torch.channels_last)
        return self.layer1(F.relu(self.bn1(self.conv1(x)), inplace=True))

    def expert(self, x, e):
        """The map of expert e, from :meth:`trunk`'s."""
        return self.layer3[e](self.layer2[e](x))


class MultiExpertResNet(ResNeXt):
    """MMPretrain's ResNet or ResNeXt of bottlenecks whose third and fourth stage exist once an expert.

    Args:
        depth (int): 50, 101 or 152.
        num_experts (int): E, 2 or more.
        reduce (bool): give these stages three quarters of their channels.
        groups, width_per_group (int): 1 and 64 is a ResNet, 32 and 4 the ResNeXt of the ImageNet-LT tables.
        **kwargs: of MMPretrain's ``ResNeXt``, save ``out_indices``.

    Returns E maps, (N, 1536, H / 32, W / 32) each, with 2048 channels unless ``reduce``.
    """

    def __init__(self, depth=50, num_experts=3, reduce=True, groups=1, width_per_group=64, **kwargs):
        check_experts(self, num_experts)
        self.num_experts, self.reduce = num_experts, reduce
        super().__init__(depth, groups=groups, width_per_group=width_per_group, **kwargs)

    def make_res_layer(self, in_channels, out_channels, **kwargs):
        stage = (out_channels // self.expansion // self.base_channels).bit_length() - 1
        if stage < 2:
            return super().make_res_layer(in_channels=in_channels, out_channels=out_channels, **kwargs)
        share = 3 if self.reduce else 4
        out_channels = out_channels * share // 4
        if stage == 3:
            in_channels = in_channels * share // 4
        experts = ExpertStages(
            super(MultiExpertResNet, self).make_res_layer(in_channels=in_channels, out_channels=out_channels, **kwargs)
            for _ in range(self.num_experts))
        experts[-1].out_channels = out_channels  # where MMPretrain's constructor looks for it
        return experts

    def forward(self, x):
        x = self.trunk(x)
        return tuple(self.expert(x, e) for e in range(self.num_experts))

    def trunk(self, x):
        """(N, 3, H, W) -> what all experts read."""
        x = self.stem(x) if self.deep_stem else self.relu(self.norm1(self.conv1(x)))
        return self.layer2(self.layer1(self.maxpool(x)))

    def expert(self, x, e):
        """The map of expert e, from :meth:`trunk`'s."""
        return self.layer4[e](self.layer3[e](x))


class ExpertNetworks(ModuleList):
    """E whole networks on the same images, as NCL has them. The weights of a plain network load into each.

    Args:
        backbone (dict): config of any backbone; the last of its maps counts.
        num_experts (int): E, 2 or more.

    Returns E maps.
    """

    def __init__(self, backbone, num_experts=3):
        check_experts(self, num_experts)
        super().__init__([MODELS.build(backbone) for _ in range(num_experts)])
        self.num_experts = num_experts
        self._register_load_state_dict_pre_hook(partial(spread_plain_weights, num_experts, 0))

    def forward(self, x):
        return tuple(self.expert(x, e) for e in range(self.num_experts))

    def trunk(self, x):
        """(N, 3, H, W) -> what all experts read, the images."""
        return x

    def expert(self, x, e):
        """The map of expert e."""
        return self[e](x)[-1]


def MultiExpertBackbone(backbone, num_experts=3, reduce=True):
    """The backbone of several experts in place of a plain one.

    Args:
        backbone (dict): config of a ``ResNetCIFAR32``, or of MMPretrain's ``ResNet`` or ``ResNeXt`` of depth 50 and
            more.
        num_experts, reduce: see :class:`MultiExpertResNetCIFAR32`.

    Raises:
        ValueError: another backbone.
    """
    backbone = dict(backbone)
    kind, depth = backbone.pop('type'), backbone.get('depth')
    if kind == 'ResNetCIFAR32':
        return MultiExpertResNetCIFAR32(num_experts, reduce, **backbone)
    if kind not in ('ResNet', 'ResNeXt') or depth not in ResNeXt.arch_settings:
        raise ValueError(f'MultiExpertBackbone: experts exist of ResNetCIFAR32, and of ResNet and ResNeXt of depth 50, '
                         f'101 and 152; got {kind} of depth {depth}; change model.backbone')
    if kind == 'ResNeXt':
        backbone = dict(groups=32, width_per_group=4, **backbone)
    return MultiExpertResNet(num_experts=num_experts, reduce=reduce, **backbone)


class ExpertClassifiers(nn.ModuleList):
    """E classifier layers: E features (N, D) -> logits (E, N, C)."""

    def forward(self, feats):
        return torch.stack([layer(x) for layer, x in zip(self, feats)])


class MultiExpertClsHead(LongTailClsHead):
    """One classifier an expert; predicts from the mean of their logits.

    The loss is one of experts, ``RIDELoss``, ``SADELoss``, ``BalPoELoss`` or ``NCLLoss``; any other is averaged over
    the experts.

    Args:
        num_experts (int): E, as of the backbone.
        reduce (bool): ``in_channels`` is that of the plain backbone, the experts have three quarters of it.
        **kwargs: of :class:`LongTailClsHead`; ``classifier`` is that of each expert. RIDE, SADE and BalPoE take
            ``dict(type='CosineLinear', scale=30)``.
    """

    feats_apart = True  # each has its own

    def __init__(self, num_classes, in_channels, num_experts=3, classifier=None, reduce=False, **kwargs):
        check_experts(self, num_experts)
        in_channels = in_channels * 3 // 4 if reduce else in_channels
        super().__init__(num_classes, in_channels, classifier=classifier, **kwargs)
        if self.cal_acc:
            raise ValueError('MultiExpertClsHead has no cal_acc; LongTailMetric measures the accuracy of the mean')
        cfg = dict(type=classifier or nn.Linear) if not isinstance(classifier, dict) else classifier
        build = partial(MODELS.build, dict(cfg, in_features=in_channels, out_features=num_classes))
        self.num_experts = num_experts
        self.fc = ExpertClassifiers([self.fc, *(build() for _ in range(num_experts - 1))])
        self.register_buffer('expert_weights', None)

    def pre_logits(self, feats):
        if len(feats) != self.num_experts:
            raise ValueError(f'MultiExpertClsHead has num_experts={self.num_experts}, the backbone gives {len(feats)} '
                             'features; set both alike')
        return tuple(feats)

    def expert_logits(self, feats):
        """E features (N, D) -> (E, N, C)."""
        return self.fc(self.pre_logits(feats))

    def combine(self, logits):
        """(E, N, C) -> (N, C): the mean, or that by ``expert_weights`` (E,), which ``ExpertAggregationHook`` sets."""
        if self.expert_weights is None:
            return logits.mean(0)
        return torch.einsum('e,enc->nc', self.expert_weights.to(logits.dtype), logits)

    def forward(self, feats):
        return self.combine(self.expert_logits(feats))

    def _get_loss(self, logits, data_samples, **kwargs):
        target, loss = targets_of(data_samples), self.loss_module
        if getattr(getattr(loss, 'active', loss), 'ndim', 2) == 3:
            return dict(loss=loss(logits, target, avg_factor=logits.size(1), **kwargs))
        return dict(loss=sum(loss(z, target, avg_factor=len(z), **kwargs) for z in logits) / len(logits))
