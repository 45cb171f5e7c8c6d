"""GLMC.  N images, 2 views, C classes, D features, E projected."""
import torch
from torch import nn
from torch.nn import functional as F

from ..core.augment.mixup import mix
from ..core.checks import check_integer, check_range
from ..core.contrast.glmc import LabelWeights, consistency, local_mix, soft_cross_entropy
from ..core.random import Draws
from ..engine.partners import take_partners
from .bilateral import run_weight
from .views import MultiViewClassifier, labels_of


class GLMCClassifier(MultiViewClassifier):
    """Two mixtures of each image with a partner, one of all pixels (mixup) and one of a box (CutMix), whose projections
    are to agree, and two classifiers: one for the mixed labels, one for those labels weighted by n^-label_weighting.
    The loss moves from the first to the second over the run. Du et al., Global and Local Mixture Consistency Cumulative
    Learning for Long-tailed Visual Recognitions, CVPR 2023, arXiv:2305.08661.

    L = a (CE_1 + CE_2) + (1 - a) (WCE_1 + WCE_2) + contrast_weight (-cos(p_1, z_2) - cos(p_2, z_1)), with a =
    1 - (t / T)^2, a lambda ~ Beta(1, 1) a batch, and lambda as the share of the label whatever the border cuts from the
    box, as released. The head is the second classifier, the one that the paper tests: at test this is an
    ``ImageClassifier``. In training it needs ``PartnerHook``. The authors' CIFAR results are of a network four times as
    wide, ``ResNetCIFAR32(base_channels=64)``.

    Args:
        dim (int): E.
        contrast_weight (float): of the consistency.
        label_weighting (float): exponent of the label weights.
        partner_power (float): partners are of class c with a probability proportional to n_c^partner_power, 1 minus the
            authors' ``resample_weighting``.
        max_epochs (int, optional): where a would be 0; by default the length of the run.
        seed (int): of the mixtures.
        **kwargs: of ``ImageClassifier``; the head's own loss is not used.

    Raises:
        ValueError: the pipeline does not make 2 views, or the run is longer than ``max_epochs``.
        RuntimeError: no class counts, or a training without ``PartnerHook``.
    """
    partners = None

    def __init__(self, backbone, dim=128, contrast_weight=4.0, label_weighting=1.2, partner_power=1.0, max_epochs=None,
                 seed=0, **kwargs):
        check_range(self, '[0, inf)', contrast_weight=contrast_weight)
        if max_epochs is not None:
            check_integer(self, 1, max_epochs=max_epochs)
        super().__init__(backbone, **kwargs)
        self.plain_fc = nn.Linear(self.width, self.head.num_classes)
        self.projector, self.predictor = nn.Linear(self.width, dim), nn.Linear(dim, dim)
        self.label_weights = LabelWeights(label_weighting)
        self.contrast_weight, self.partner_power, self.max_epochs = contrast_weight, partner_power, max_epochs
        self.draws = Draws(seed)

    def loss(self, inputs, data_samples):
        images, (partners, partner_samples) = self.views_of(inputs, 2), take_partners(self, len(data_samples))
        partners = self.views_of(partners, 2)
        lam, center = self._draw(images[0])
        labels, others = (F.one_hot(labels_of(s), self.head.num_classes).float()
                          for s in (data_samples, partner_samples))
        target = mix(labels, others, lam)
        mixed = mix(images[0], partners[0], lam), local_mix(images[1], partners[1], lam, center)
        feats = [self.extract_feat(x) for x in mixed]  # one after the other: batch norm sees each alone
        pooled = [self.head.pre_logits(x) for x in feats]
        alpha, weighted = run_weight(self.max_epochs), self.label_weights(target)
        projected = [self.projector(x) for x in pooled]
        agree = consistency([self.predictor(z) for z in projected], projected)
        return dict(
            loss=alpha * sum(soft_cross_entropy(self.plain_fc(x), target) for x in pooled),
            loss_weighted=(1 - alpha) * sum(soft_cross_entropy(self.head(x), weighted) for x in feats),
            loss_consistency=self.contrast_weight * agree)

    def _draw(self, images):
        """lambda and the centre of the box."""
        generator = self.draws.generator('cpu')
        lam = float(torch.rand((), generator=generator))
        return lam, [int(torch.randint(size, (), generator=generator)) for size in images.shape[2:]]
