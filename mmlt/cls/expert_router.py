"""RIDE's router: easy images go through fewer experts.  E experts, N images, C classes, D features.

Wang et al., ICLR 2021, arXiv:2010.01809, its expert assignment (EA) module.
"""
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmpretrain.models import ImageClassifier
from torch import nn

from ..core.checks import check_integer, check_range
from ..core.precision import unit
from ..engine.access import unwrap

__all__ = ['ExpertRouterHook']  # for the registry of hooks
HIDDEN = 16


class Router(nn.Module):
    """The largest logits of the running mean (N, C) and the expert's feature (N, D) -> whether to ask on, (N,). All
    routers have one last layer, ``out``."""

    def __init__(self, in_channels, out):
        super().__init__()
        self.top = out.in_features - HIDDEN
        self.hidden, self.out = nn.Linear(in_channels, HIDDEN), out

    def forward(self, mean, feats):
        top = mean.topk(self.top, dim=1).values
        return self.out(torch.cat([top, F.relu(self.hidden(unit(feats)))], 1)).squeeze(1)


def router_targets(logits, labels):
    """(E, N, C), (N,) -> bool (E - 1, N): the mean of experts 0 to e is wrong, that of 0 to a later one is right."""
    means = logits.cumsum(0) / torch.arange(1, len(logits) + 1, device=logits.device).view(-1, 1, 1)
    right = means.argmax(2) == labels
    later = right.flip(0).cummax(0).values.flip(0)[1:]
    return ~right[:-1] & later


class RoutedExpertClassifier(ImageClassifier):
    """Second stage of experts: everything stays as loaded, a router after each expert but the last learns whether a
    later one would help. At test an image goes on only while a router says so; its logits are the mean of the experts
    that it saw, and the others do not run.

    ``load_from`` the first stage. Five epochs, class-balanced, lr 0.01 with a cosine, batch 512 in the authors' code.
    The backbone is ``MultiExpertResNetCIFAR32`` or ``MultiExpertResNet``, the head ``MultiExpertClsHead``.

    Args:
        top (int): logits that a router reads; the authors' 30 for CIFAR, 50 on large sets.
        pos_weight (float): of the images that a later expert would get right.
        threshold (float): of the router's sigmoid.
        **kwargs: of ``ImageClassifier``.

    Attributes:
        used (list[Tensor]): how many experts each image took, since :class:`ExpertRouterHook` cleared it.
    """

    def __init__(self, top=30, pos_weight=100.0, threshold=0.5, **kwargs):
        check_integer(self, 1, top=top)
        check_range(self, '(0, inf)', pos_weight=pos_weight)
        check_range(self, '(0, 1)', threshold=threshold)
        super().__init__(**kwargs)
        if not hasattr(self.backbone, 'trunk') or not hasattr(self.head, 'expert_logits'):
            raise ValueError(f'RoutedExpertClassifier routes MultiExpertResNetCIFAR32 or MultiExpertResNet with '
                             f'MultiExpertClsHead, got {type(self.backbone).__name__} with {type(self.head).__name__}')
        self.requires_grad_(False)
        out = nn.Linear(HIDDEN + min(top, self.head.num_classes), 1)
        self.routers = nn.ModuleList(Router(self.head.in_channels, out) for _ in range(self.head.num_experts - 1))
        self.pos_weight, self.threshold, self.used = pos_weight, threshold, []

    def train(self, mode=True):
        """The routers train; the rest stays in eval mode."""
        super().train(mode)
        for part in (self.backbone, self.neck, self.head):
            if part is not None:
                part.train(False)
        return self

    def loss(self, inputs, data_samples):
        with torch.no_grad():
            feats = self.extract_feat(inputs)
            logits = self.head.expert_logits(feats).float()
            labels = torch.cat([sample.gt_label for sample in data_samples])
            targets = router_targets(logits, labels).to(logits.dtype)
        weight, losses, total = logits.new_tensor(self.pos_weight), {}, 0
        for e, router in enumerate(self.routers):
            total = total + logits[e]
            asked = router(total / (e + 1), feats[e])
            loss = F.binary_cross_entropy_with_logits(asked, targets[e], pos_weight=weight)
            losses[f'loss_router_{e}'] = loss / len(self.routers)
        return losses

    def routed(self, inputs):
        """(N, ...) -> logits (N, C) and how many experts each image took, (N,)."""
        trunk = self.backbone.trunk(inputs)
        active = torch.arange(len(inputs), device=inputs.device)
        total = used = None
        for e in range(self.head.num_experts):
            feats = self._expert_feats(trunk[active] if e else trunk, e)
            logits = self.head.fc[e](feats).float()
            if e == 0:
                total, used = logits, torch.ones(len(inputs), device=inputs.device)
            else:
                total = total.index_add(0, active, logits)
                used = used.index_add(0, active, logits.new_ones(len(active)))
            if e < len(self.routers):
                asked = self.routers[e](total[active] / (e + 1), feats).sigmoid()
                active = active[asked > self.threshold]
                if not len(active):
                    break
        return total / used[:, None], used

    def _expert_feats(self, trunk, e):
        maps = (self.backbone.expert(trunk, e), )
        return (self.neck(maps) if self.with_neck else maps)[-1]

    def predict(self, inputs, data_samples=None, **kwargs):
        logits, used = self.routed(inputs)
        self.used.append(used.cpu())
        return self.head._get_predictions(logits, data_samples)


class ExpertRouterHook(Hook):
    """Report the mean number of experts used, and with ``input_shape`` the mean FLOPs an image, by
    ``mmengine.analysis``.

    Args:
        input_shape (tuple[int], optional): of an image, as (3, 32, 32).
    """

    priority = 'HIGHEST'  # before the results are written down

    def __init__(self, input_shape=None):
        self.input_shape = input_shape

    def before_val_epoch(self, runner):
        unwrap(runner.model).used.clear()

    def after_val_epoch(self, runner, metrics=None):
        model = unwrap(runner.model)
        mean = torch.cat(model.used).mean().item()
        metrics['experts/mean_used'] = mean
        if self.input_shape is not None:
            trunk, expert = (count_flops(model, part, self.input_shape) for part in ('trunk', 'expert'))
            metrics['experts/gflops'] = (trunk + mean * expert) / 1e9
            metrics['experts/gflops_all'] = (trunk + model.head.num_experts * expert) / 1e9

    before_test_epoch, after_test_epoch = before_val_epoch, after_val_epoch


def count_flops(model, part, input_shape):
    """FLOPs of the backbone's ``'trunk'`` or of one ``'expert'`` for one image."""
    from mmengine.analysis import FlopAnalyzer
    device = next(model.parameters()).device
    images = torch.zeros(1, *input_shape, device=device)
    if part == 'expert':
        images = model.backbone.trunk(images)
    return FlopAnalyzer(_Part(model.backbone, part), images).unsupported_ops_warnings(False).total()


class _Part(nn.Module):
    def __init__(self, backbone, part):
        super().__init__()
        self.backbone, self.part = backbone, part

    def forward(self, x):
        return self.backbone.trunk(x) if self.part == 'trunk' else self.backbone.expert(x, 0)
