"""BBN.  N images, C classes, D features of each of two branches; alpha from 1 to nearly 0 over the run."""
import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS

from ..core.checks import check_integer
from ..core.contrast import cumulative_weight
from ..engine.inputs import progress
from ..engine.partners import take_partners
from .two_branches import TwoBranchBackbone
from .views import rows


def run_weight(max_epochs=None, shape='parabolic'):
    """alpha at the present epoch of the run, of ``max_epochs`` or the run's length."""
    epoch, length = progress()
    return cumulative_weight(epoch, max_epochs or length, shape)


def blend(first, second, alpha):
    """alpha a + (1 - alpha) b for each loss of two dicts."""
    return {name: alpha * first[name] + (1 - alpha) * second[name] for name in first if name.startswith('loss')}


class BilateralBranchClassifier(ImageClassifier):
    """BBN: the last block of the backbone stands twice, one for images as they come, one for reversed draws (class
    probabilities proportional to 1 / n_c); alpha moves features and loss from one to the other. Zhou et al., CVPR 2020,
    arXiv:1912.02413.

    The head reads 2 [alpha f_c; (1 - alpha) f_r], and the loss is alpha L(z, y_c) + (1 - alpha) L(z, y_r). At test both
    branches see the image, and the model is an ``ImageClassifier`` with a :class:`TwoBranchBackbone`. In training it
    needs ``PartnerHook``.

    Args:
        backbone (dict): any with one map or token map at the end.
        head (dict): with ``in_channels`` D of the plain backbone, which are doubled.
        max_epochs (int, optional): where alpha would be 0; by default the length of the run. The released code takes
            100 for runs of 90 and 200 for runs of 180 epochs.
        partner_power (float): partners are of class c with a probability proportional to n_c^partner_power.
        joint (bool): one pass of the trunk over both batches; by default two, as released, so that batch norm sees
            each batch alone.
        block (str, optional): the path of the block that stands twice, see :class:`TwoBranchBackbone`.
        **kwargs: of ``ImageClassifier``.

    Raises:
        ValueError: no block to split, or the run is longer than ``max_epochs``.
        RuntimeError: a training without ``PartnerHook``.
    """
    partners = None

    def __init__(self, backbone, neck=None, head=None, max_epochs=None, partner_power=-1.0, joint=False, block=None,
                 **kwargs):
        if max_epochs is not None:
            check_integer(self, 1, max_epochs=max_epochs)
        if not isinstance(head, dict) or 'in_channels' not in head:
            raise ValueError(f'BilateralBranchClassifier doubles the in_channels of its head, head={head} has none')
        backbone = TwoBranchBackbone(MODELS.build(backbone), block)
        super().__init__(backbone, neck, dict(head, in_channels=2 * head['in_channels']), **kwargs)
        self.max_epochs, self.partner_power, self.joint = max_epochs, partner_power, joint

    def loss(self, inputs, data_samples):
        alpha, n = run_weight(self.max_epochs), len(data_samples)
        reversed_inputs, reversed_samples = take_partners(self, n)
        if self.joint:
            both = self._features(torch.cat([inputs, reversed_inputs]), 'split')
            first, second = rows(both, n), rows(both, n, None)
        else:
            first, second = self._features(inputs, 0), self._features(reversed_inputs, 1)
        feats = tuple(torch.cat([2 * alpha * f, 2 * (1 - alpha) * g], 1) for f, g in zip(first, second))
        return blend(self.head.loss(feats, data_samples), self.head.loss(feats, reversed_samples), alpha)

    def _features(self, x, branch):
        feats = self.backbone.branch(x, branch)
        return self.neck(feats) if self.with_neck else feats
