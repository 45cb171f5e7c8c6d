"""FixMatch, and a generation of CReST.  N labelled and U unlabelled images, C classes.

Sohn et al., NeurIPS 2020, arXiv:2001.07685; CReST: Wei et al., CVPR 2021, arXiv:2102.09559.
"""
import torch
import torch.nn.functional as F
from mmpretrain.models import ImageClassifier

from ..core.checks import check_integer, check_range
from ..core.counts import ClassCounts
from ..core.dist import sum_over_ranks, world_size
from ..core.pseudo import align


class FixMatchClassifier(ImageClassifier):
    """MMPretrain's classifier that also learns its own confident predictions on weakly augmented images, on strongly
    augmented views of them. ``UnlabelledHook`` brings the images.

    Args:
        threshold (float): confidence from which an image counts.
        weight (float): of the unlabelled loss, which is divided by U.
        align (dict, optional): CReST+, ``dict(t=0.5, window=128)``: predictions are moved to the labelled shares to the
            power of t, against the mean of the last ``window`` batches.
        class_counts: labelled counts (C,), for ``align``; or ``ClassCountsHook`` fills them.
        **kwargs: of ``ImageClassifier``.

    Raises:
        RuntimeError: in training without unlabelled images.
    """

    def __init__(self, threshold=0.95, weight=1.0, align=None, class_counts=None, **kwargs):
        check_range(self, '[0, 1]', threshold=threshold)
        check_range(self, '[0, inf)', weight=weight)
        super().__init__(**kwargs)
        self.threshold, self.weight = threshold, weight
        self.alignment = None if align is None else Alignment(self.head.num_classes, class_counts, **align)
        self.unlabelled = None

    def loss(self, inputs, data_samples):
        if self.unlabelled is None:
            raise RuntimeError('FixMatchClassifier has no unlabelled images; add dict(type="UnlabelledHook", '
                               'dataset=...) to custom_hooks')
        weak, strong = next(self.unlabelled)
        n, u = len(inputs), len(weak)
        feats = self.extract_feat(torch.cat([inputs, weak, strong]))
        losses = self.head.loss(tuple(f[:n] for f in feats), data_samples)
        logits = self.head(tuple(f[n:] for f in feats)).float()
        scores = logits[:u].detach().softmax(1)
        if self.alignment is not None:
            scores = self.alignment(scores)
        confidence, labels = scores.max(1)
        sure = (confidence >= self.threshold).to(logits.dtype)
        each = F.cross_entropy(logits[u:], labels, reduction='none')
        losses['loss_unlabelled'] = self.weight * (each * sure).mean()
        losses['share_sure'] = sure.mean()
        return losses


class Alignment(ClassCounts):
    """CReST+'s distribution alignment: (U, C) -> (U, C), against the batches before. State: the means of the last
    ``window`` batches of all ranks, uniform at first, and where the next goes."""

    allow_empty = True

    def __init__(self, num_classes, class_counts=None, t=0.5, window=128):
        check_range(self, '[0, 1]', t=t)
        check_integer(self, 1, window=window)
        super().__init__(class_counts)
        self.t = t
        self.register_buffer('means', torch.full((window, num_classes), 1 / num_classes))
        self.register_buffer('position', torch.zeros((), dtype=torch.int64))

    def forward(self, scores):
        self.check_counts(scores.shape[1])
        mean = self.means.mean(0)
        if self.training:
            self.means[self.position % len(self.means)] = sum_over_ranks(scores.mean(0)) / world_size()
            self.position += 1
        return align(scores, self.class_counts, mean / mean.sum(), self.t)
