"""Hybrid-SC and Hybrid-PSC.  N images, C classes, E projected features."""
import torch
from mmpretrain.registry import MODELS
from torch import nn

from ..core.checks import check_integer
from ..core.contrast.projector import Projector
from ..engine.partners import take_partners
from .bilateral import run_weight
from .views import MultiViewClassifier, labels_of


class HybridContrastClassifier(MultiViewClassifier):
    """alpha L_contrast + (1 - alpha) L_CE: contrast of the images as they come, a classifier on balanced draws, and
    alpha from 1 to nearly 0 over the run. Wang et al., Contrastive Learning based Hybrid Networks for Long-Tailed Image
    Classification, CVPR 2021, arXiv:2103.14267. There is no released code.

    With ``SupConLoss`` (Hybrid-SC) the pipeline makes two views, of which balanced draws use the first; with
    ``PrototypicalContrastiveLoss`` (Hybrid-PSC) one, and the prototypes train. At test this is an ``ImageClassifier``.
    In training it needs ``PartnerHook``.

    Args:
        contrast (dict): the loss.
        dim (int): E.
        partner_power (float): partners are of class c with a probability proportional to n_c^partner_power.
        max_epochs (int, optional): where alpha would be 0; by default the length of the run.
        shape (str): of alpha, see :func:`~mmlt.core.contrast.cumulative_weight`.
        **kwargs: of ``ImageClassifier``.

    Raises:
        ValueError: the pipeline makes another number of views, or the run is longer than ``max_epochs``.
        RuntimeError: a training without ``PartnerHook``.
    """
    partners = None

    def __init__(self, backbone, contrast=None, dim=128, partner_power=0.0, max_epochs=None, shape='parabolic',
                 **kwargs):
        if max_epochs is not None:
            check_integer(self, 1, max_epochs=max_epochs)
        super().__init__(backbone, **kwargs)
        self.contrast = MODELS.build(contrast or dict(type='SupConLoss'))
        self.projector = Projector(self.width, dim)
        self.prototypes = None
        if 'prototypes' in self.contrast.requires:
            self.prototypes = nn.Parameter(torch.randn(self.head.num_classes, dim))
        self.partner_power, self.max_epochs, self.shape = partner_power, max_epochs, shape

    def loss(self, inputs, data_samples):
        alpha, n = run_weight(self.max_epochs, self.shape), len(data_samples)
        views = self.views_of(inputs, 2 if self.prototypes is None else 1)
        balanced, balanced_samples = take_partners(self, n)
        projected = self.projector(self.head.pre_logits(self.extract_feat(torch.cat(views))))
        if self.prototypes is None:
            contrast = self.contrast(projected.view(2, n, -1).transpose(0, 1), labels_of(data_samples))
        else:
            contrast = self.contrast(projected, labels_of(data_samples), self.prototypes)
        losses = self.head.loss(self.extract_feat(self.views_of(balanced, len(views))[0]), balanced_samples)
        losses = {name: (1 - alpha) * x for name, x in losses.items() if name.startswith('loss')}
        return dict(losses, loss_contrast=alpha * contrast)
