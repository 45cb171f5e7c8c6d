"""De-confounded classifier with total direct effect.  N batch, D in_features, C out_features, K heads."""
import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_integer, check_range
from ..dist import sum_over_ranks
from ..precision import at_least_float32, unit
from .base import LinearClassifier


def direct_effect(x: Tensor, embed: Tensor, alpha: float):
    """Take the part along the average feature out of each head.

    Args:
        x (Tensor): (..., K, D/K), features in unit length.
        embed (Tensor): (K, D/K), the average feature of each head; its length does not matter, zero changes nothing.
        alpha (float): how much of it; 0 changes nothing.
    """
    direction = unit(embed)
    return x - alpha * (x * direction).sum(-1, keepdim=True) * direction


class CausalLinear(LinearClassifier):
    """Multi-head normalised classifier that subtracts the head direction at test time (TDE). Tang et al., NeurIPS 2020,
    arXiv:2009.12991.

    With x and w split into K heads, x^ = x/|x| and d^ the direction of the average training feature d::

        training    z_c = scale/K  sum_k  x^_k                          . w_ck / (|w_ck| + gamma)
        evaluation  z_c = scale/K  sum_k (x^_k - alpha (x^_k.d^_k) d^_k) . w_ck / (|w_ck| + gamma)

    d is the buffer ``embed`` (D,): ``d <- momentum d + mean(x)`` over the batch of all ranks, from 0, in training mode,
    before the logits (the released code; the paper's factor 1 - momentum does not change the direction). A batch that
    is empty or not finite leaves it. As long as d is 0 the evaluation has no TDE. Float32 under autocast.

    Args:
        num_heads (int): K, a divisor of D.
        alpha (float): test only; 3 for ImageNet-LT and Places-LT, 1.5 for CIFAR-100-LT, 1 for CIFAR-10-LT in the paper.

    Raises:
        ValueError: D is no multiple of ``num_heads``, or an argument lies outside its range.

    >>> layer = CausalLinear(4, 3)
    >>> _ = layer(torch.ones(2, 4))
    >>> layer.embed
    tensor([1., 1., 1., 1.])
    """
    full_precision = True

    def __init__(self, in_features: int, out_features: int, num_heads: int = 2, scale: float = 16.0,
                 gamma: float = 0.03125, alpha: float = 1.5, momentum: float = 0.9, dim: int = -1):
        check_integer(self, 1, num_heads=num_heads)
        check_range(self, '(0, inf)', scale=scale)
        check_range(self, '[0, inf)', gamma=gamma)
        check_range(self, '(-inf, inf)', alpha=alpha)
        check_range(self, '[0, 1)', momentum=momentum)
        super().__init__(in_features, out_features, bias=False, dim=dim)
        if in_features % num_heads:
            raise ValueError(f'{in_features} features cannot be split into {num_heads} equal heads; '
                             'choose num_heads among the divisors of in_features')
        self.num_heads = num_heads
        self.scale = scale
        self.gamma = gamma
        self.alpha = alpha
        self.momentum = momentum
        self.register_buffer('embed', torch.zeros(in_features))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.embed.zero_()

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Take a training batch (..., D) into the moving average."""
        x = x.detach().reshape(-1, self.in_features)
        total = sum_over_ranks(torch.cat([x.sum(0), x.new_full((1,), len(x))]))
        mean = total[:-1] / total[-1]
        embed = self.momentum * self.embed + mean
        self.embed.copy_(torch.where(mean.isfinite().all(), embed, self.embed))

    def logits(self, x: Tensor) -> Tensor:
        if self.training:
            self.update(x)
        return self.scores(x, 0 if self.training else self.alpha)

    def scores(self, x: Tensor, alpha: float) -> Tensor:
        """(..., D) -> (..., C): logits with the head direction taken out ``alpha`` times."""
        heads = unit(x.unflatten(-1, (self.num_heads, -1)))
        if alpha:
            heads = direct_effect(heads, at_least_float32(self.embed).view(self.num_heads, -1), alpha)
        weight = at_least_float32(self.weight).unflatten(-1, (self.num_heads, -1))
        weight = weight / (torch.linalg.vector_norm(weight, dim=-1, keepdim=True) + self.gamma)
        return self.scale / self.num_heads * F.linear(heads.flatten(-2), weight.flatten(-2))
