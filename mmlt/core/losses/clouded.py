"""Gaussian clouded logits.  z (N, C) scaled cosines, noise e in [0, 1], cloud sizes d (C,) in [0, 1], counts n (C,)."""
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..counts import Counts
from ..random import Draws
from .base import ClassWeightedLoss
from .ldam import margin_cross_entropy

SIGMA = 1 / 3  # of the noise, which is cut at 1
MEAN = 0.2657067507229233  # of min(|N(0, SIGMA^2)|, 1)


def cloud_sizes(counts: Tensor) -> Tensor:
    """log(n_max / n_c) / log(n_max / n_min), (C,): 0 for the most frequent class, 1 for the rarest."""
    rarity = (counts.max() / counts).log()
    return rarity / rarity.max().clamp(min=1e-12)


class GCLLoss(ClassWeightedLoss):
    """CE(s (cos - a d |e|)) with noise e ~ N(0, 1/9), cut at 1, one for each image and class: the rarer a class, the
    larger its cloud. Li et al., Gaussian clouded logit adjustment, CVPR 2022, arXiv:2305.11733.

    It needs a cosine classifier such as ``CosineLinear``. Takes ``class_weight``, ``beta`` and the arguments of
    :class:`LongTailLoss`. In evaluation nothing is drawn, and |e| is its mean. The authors train the features with
    mixup, then the classifier on balanced samples with ``margin=0.1, scale=20, gamma=1``.

    Args:
        amplitude (float): a, of the rarest class's cloud, in units of the cosine.
        margin (float): off the label's own cosine.
        scale (float): s, of the cosines.
        gamma (float): focus, a factor (1 - p_y)^gamma that takes no gradient.
        logits_scaled (bool): True if the classifier gives s cos; False if it gives the cosine, which the loss scales.
        seed (int): of the draws.

    >>> loss = GCLLoss(class_counts=[100, 10], amplitude=0.0)
    >>> loss(torch.tensor([[3.0, 0.0]]), torch.tensor([1]))
    tensor(3.0486)
    """

    def __init__(self, class_counts: Counts | None = None, *, amplitude: float = 0.5, margin: float = 0.0,
                 scale: float = 30.0, gamma: float = 0.0, logits_scaled: bool = True, seed: int = 0, **kwargs):
        check_range(self, '[0, inf)', amplitude=amplitude, margin=margin, gamma=gamma)
        check_range(self, '(0, inf)', scale=scale)
        super().__init__(class_counts, **kwargs)
        self.amplitude, self.margin, self.scale, self.gamma = amplitude, margin, scale, gamma
        self.logits_scaled = logits_scaled
        self.draws = Draws(seed)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = logits if self.logits_scaled else logits * self.scale
        cloud = (-self.scale * self.amplitude * cloud_sizes(self.class_counts)).to(logits.dtype)
        logits = self.draw(logits).mul_(cloud).add_(logits)
        if not self.margin and not self.gamma:
            return F.cross_entropy(logits, target, reduction='none')
        margins = logits.new_full((logits.size(1), ), self.scale * self.margin)
        return margin_cross_entropy(logits, target, margins, self.gamma)

    def draw(self, logits: Tensor) -> Tensor:
        """|e| of each image and class, (N, C); in evaluation its mean."""
        if not self.training:
            return torch.full_like(logits, MEAN)
        generator = self.draws.generator(logits.device)
        noise = torch.randn(logits.shape, generator=generator, device=logits.device, dtype=logits.dtype)
        return noise.mul_(SIGMA).abs_().clamp_(max=1)
