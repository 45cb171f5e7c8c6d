"""Total direct effect in RoI heads.  N RoIs, D in_features, C foreground classes, the background last."""
import torch

from ..core import layers


def exempt_background(plain, effect, background=1):
    """Background-exempted inference: the odds of background stay, the classes share the rest by their direct effect.

    With p = softmax(plain) and q = softmax(effect) the softmax of the result is p_bg, and
    ``q_c / sum_j q_j (1 - p_bg)`` for the classes. Equal inputs give themselves, bit for bit.

    Args:
        plain (Tensor): (N, C + 1) logits.
        effect (Tensor): (N, C + 1) logits of the direct effect; its background is not used.

    >>> logits = exempt_background(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[4.0, 0.0, 9.0]]))
    >>> logits.softmax(1)
    tensor([[0.3287, 0.0060, 0.6652]])
    """
    classes = plain.size(-1) - background
    plain, rest = plain[..., :classes], plain[..., classes:]
    effect = effect[..., :classes]
    shift = plain.logsumexp(-1, keepdim=True) - effect.logsumexp(-1, keepdim=True)
    return torch.cat([effect + shift, rest], -1)


class CausalLinear(layers.CausalLinear):
    """De-confounded classifier of a RoI head. Tang et al., NeurIPS 2020, arXiv:2009.12991.

    The direction is averaged over foreground RoIs alone, and at test only the classes are replaced by their direct
    effect (:func:`exempt_background`). The output is logits, so the head's softmax, or the mean over the stages of a
    cascade, is right as it is. The layer learns which RoIs are foreground from the labels that its head hands to
    ``loss_cls``: ``ClassCountsHook`` connects them, or ``head.fc_cls.attach(head)`` without the hook.

    Args:
        alpha (float): test only; 1.5 for LVIS in the released code.
        momentum (float): 0.9998 for LVIS.
        background (int): the last outputs, which are no classes.

    Raises:
        RuntimeError: the layer trains and nobody attached it.
    """

    def __init__(self, in_features, out_features, *args, background=1, **kwargs):
        super().__init__(in_features, out_features, *args, **kwargs)
        self.background = background
        self.attached = False
        self.pending = None

    def attach(self, head):
        """Read the labels that ``head`` hands to its ``loss_cls``."""
        if not self.attached:
            head.loss_cls.register_forward_pre_hook(self.read_labels)
            self.attached = True

    def update(self, x):
        """Keep a training batch until its labels are known."""
        if self.pending is not None and not self.attached:
            raise RuntimeError('CausalLinear averages foreground RoIs and was not told which they are; add '
                               'dict(type="ClassCountsHook") to custom_hooks, or call head.fc_cls.attach(head)')
        self.pending = x.detach()

    def read_labels(self, loss, args):
        """The forward pre-hook of ``loss_cls``: ``args`` are (logits, labels (N,), ...)."""
        if self.training and self.pending is not None:
            labels = args[1]
            super().update(self.pending[(labels >= 0) & (labels < self.out_features - self.background)])
            self.pending = None

    def logits(self, x):
        if self.training:
            return super().logits(x)
        return exempt_background(self.scores(x, 0), self.scores(x, self.alpha), self.background)
