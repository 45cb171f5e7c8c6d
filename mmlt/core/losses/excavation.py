"""Experts of several depths that teach one another.  E experts, N images, C classes; logits z (E, N, C)."""
import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_range
from ..contrast.base import FLOOR
from ..counts import Counts
from .cross_entropy import adjusted_cross_entropy
from .experts import ExpertLoss
from .nested import mutual_divergence, own_classes


def suppressed_logits(logits: Tensor, own: Tensor) -> Tensor:
    """(E, N, C), mask (N, C) of the own classes -> (N, C): the highest logit that an expert has for each other class,
    but for the hardest, that of the highest mean, its mean."""
    mean = logits.mean(0)
    hardest = mean.detach().masked_fill(own, -torch.inf).argmax(1, keepdim=True)
    return logits.amax(0).scatter(1, hardest, mean.gather(1, hardest)).masked_fill(own, FLOOR)


class SHIKELoss(ExpertLoss):
    """sum_e [CE(z_e) + suppression KL(softmax(t) || softmax(z_e))] + mutual sum_(i != j) KL(softmax(z_j) ||
    softmax(z_i)); the first divergence is over the classes that are not the image's own, t :func:`suppressed_logits`.
    Jin et al., Long-Tailed Visual Recognition via Self-Heterogeneous Integration with Knowledge Excavation, CVPR 2023,
    arXiv:2304.01279.

    The weights are those of the released code for 100 classes: its 10 and 1 are of means over the classes, too. There
    the own class stays in softmax(t), with the logit 0; here it is left out of both. Teachers learn too. The
    classifiers are trained again at the end, with balanced softmax, on the experts' frozen features. No class counts
    are needed.

    Args:
        suppression (float): weight of the divergence from t.
        mutual (float): weight of that between experts.

    >>> loss = SHIKELoss()
    >>> loss(torch.tensor([[[2., 0., -1.]], [[1., 1., 0.]]]), torch.tensor([0]))
    tensor(1.0459)
    """

    needs_counts = False

    def __init__(self, class_counts: Counts | None = None, *, suppression: float = 0.1, mutual: float = 0.01,
                 **kwargs):
        check_range(self, '[0, inf)', suppression=suppression, mutual=mutual)
        super().__init__(class_counts, **kwargs)
        self.suppression, self.mutual = suppression, mutual

    def expert_losses(self, logits: Tensor, target: Tensor):
        own = own_classes(logits[0], target)
        taught = logits.masked_fill(own, FLOOR).log_softmax(-1)
        teacher = suppressed_logits(logits, own).log_softmax(-1).expand_as(taught)
        apart = F.kl_div(taught, teacher, reduction='none', log_target=True).sum((0, 2))
        return (sum(adjusted_cross_entropy(z, target) for z in logits) + self.suppression * apart
                + self.mutual * (len(logits) - 1) * mutual_divergence(logits))
