"""Dynamic meta-embedding.  N batch, D in_features, C out_features (classes)."""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_range
from ..dist import class_sums
from ..precision import at_least_float32
from .base import LinearClassifier
from .cosine import CosineLinear
from .ncm import ncm_scores

REACH, CLOSEST, MARGIN = 10.0, 1e-3, 10.0


def meta_embedding(x: Tensor, centroids: Tensor, attention: Tensor, selector: Tensor) -> Tensor:
    """(..., D), (C, D), (..., C), (..., D) -> (..., D): 10 / min_c |x - m_c| (x + s * sum_c a_c m_c)."""
    distance = (-ncm_scores(x, centroids)).amin(-1, keepdim=True).clamp(min=CLOSEST ** 2).sqrt()
    return REACH / distance * (x + selector * (attention @ centroids))


class MemoryLinear(LinearClassifier):
    """OLTR's classifier: what a feature lacks comes from a memory, a centroid a class, and how far it is from all of
    them says how much to trust it. Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019,
    arXiv:1904.05160.

    ``weight`` and ``bias`` ask the memory (softmax over the classes; a first stage's linear classifier loads into them,
    as in the authors' code), ``selector`` masks what comes (tanh), and ``cosine``, a ``CosineLinear`` with OLTR's norm,
    reads the result. ``centroids`` (C, D) start as the class means, by ``FitClassifierHook``; :meth:`own_losses` moves
    them. The authors' attention within the backbone and their rejection of open classes are left out. A feature on a
    centroid, whose trust would be infinite, counts as 0.001 away. Float32 under autocast.

    Args:
        scale (float): of the cosines.
        feature_loss (float): weight of :meth:`own_losses`.
    """
    full_precision = True

    def __init__(self, in_features: int, out_features: int, scale: float = 16.0, feature_loss: float = 0.01,
                 dim: int = -1):
        check_range(self, '[0, inf)', feature_loss=feature_loss)
        super().__init__(in_features, out_features, dim=dim)
        self.feature_loss = feature_loss
        self.selector = LinearClassifier(in_features, in_features)
        self.cosine = CosineLinear(in_features, out_features, scale, feat_norm='squash')
        self.centroids = nn.Parameter(torch.randn(out_features, in_features))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.selector.reset_parameters()
        self.cosine.reset_parameters()
        nn.init.normal_(self.centroids)

    @torch.no_grad()
    def fit(self, features: Tensor, labels: Tensor) -> None:
        """(N, D), (N,): the centroids become the means of the classes; a class without a feature keeps its own. Every
        rank brings its share."""
        sums, number = class_sums(features.double(), labels, self.out_features)
        seen = number > 0
        self.centroids[seen] = (sums[seen] / number[seen, None]).to(self.centroids)

    def logits(self, x: Tensor) -> Tensor:
        attention, selector = _linear(self, x).softmax(-1), _linear(self.selector, x).tanh()
        embedded = meta_embedding(x, at_least_float32(self.centroids.detach()), attention, selector)
        return self.cosine.logits(embedded)

    def own_losses(self, x: Tensor, target: Tensor):
        """Features (N, D), labels (N,) or rows (N, C) -> weight (attract + 0.01 repel): half the mean squared distance
        to the own centroid, and how much the mean squared distance to the others falls short of 10.

        A centroid's gradient is that of the authors' code, the mean over 1 + its images in the batch, without weight.
        """
        x = at_least_float32(x)
        rows = F.one_hot(target, self.out_features).to(x.dtype) if target.ndim == 1 else target.to(x.dtype)
        centroids = self.centroids.to(x.dtype)
        apart = -ncm_scores(x, centroids)
        repel = F.relu(MARGIN - apart.masked_fill(rows > 0, 0).sum() / rows.numel())
        attract = (rows * -ncm_scores(x, centroids.detach())).sum() / 2 / len(rows)
        pull = (rows * -ncm_scores(x.detach(), centroids) / (1 + rows.sum(0))).sum() / 2 / len(rows)
        return dict(loss_memory=self.feature_loss * (attract + 0.01 * repel) + pull - pull.detach())


def _linear(layer, x):
    return F.linear(x, at_least_float32(layer.weight), None if layer.bias is None else at_least_float32(layer.bias))
