"""Fixed simplex classifier.  N batch, D in_features, C out_features."""
import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_range
from ..precision import at_least_float32, unit
from ..random import plain_generator
from .base import ClassifierLayer


def simplex(num_classes: int, dim: int, seed: int = 0):
    """C unit vectors, (C, D), with inner products -1 / (C - 1).

    ``sqrt(C / (C - 1)) (I - 1 1^T / C) P`` with P (C, D) orthonormal.
    """
    generator = plain_generator(seed)
    basis = torch.linalg.qr(torch.randn(dim, num_classes, generator=generator, dtype=torch.float64)).Q.t()
    return (num_classes / (num_classes - 1)) ** 0.5 * (basis - basis.mean(0))


class ETFLinear(ClassifierLayer):
    """Equiangular-tight-frame classifier: ``z = scale * x/|x| . M``, M a fixed simplex. Yang et al., NeurIPS 2022,
    arXiv:2203.09081.

    M is the buffer ``weight`` (C, D) and no parameter: a checkpoint brings its own back. A linear checkpoint loads,
    but its weight is no simplex and M stays. Float32 under autocast.

    Args:
        seed (int): of the orthonormal basis.

    Raises:
        ValueError: D < C, where no orthonormal basis of C vectors exists, or C < 2.

    >>> layer = ETFLinear(4, 3)
    >>> layer.weight @ layer.weight.t()
    tensor([[ 1.0000, -0.5000, -0.5000],
            [-0.5000,  1.0000, -0.5000],
            [-0.5000, -0.5000,  1.0000]])
    """
    full_precision = True

    def __init__(self, in_features: int, out_features: int, scale: float = 30.0, seed: int = 0, dim: int = -1):
        check_range(self, '(0, inf)', scale=scale)
        super().__init__(in_features, out_features, dim)
        if in_features < out_features or out_features < 2:
            raise ValueError(f'a simplex of {out_features} classes needs at least 2 classes and as many features as '
                             f'classes, got {in_features}; put a wider projection in front')
        self.scale = scale
        self.seed = seed
        self.register_buffer('weight', torch.empty(out_features, in_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.weight.copy_(simplex(self.out_features, self.in_features, self.seed))

    # MMEngine calls it after an init_cfg that overwrites any `weight`
    init_weights = reset_parameters

    def adapt(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        state_dict.pop(prefix + 'bias', None)
        weight = state_dict.get(prefix + 'weight')
        if weight is not None and weight.numel() == self.weight.numel() and not is_simplex(weight.flatten(1)):
            state_dict[prefix + 'weight'] = self.weight

    def logits(self, x: Tensor) -> Tensor:
        return self.scale * F.linear(unit(x), at_least_float32(self.weight))


def is_simplex(weight: Tensor, tol: float = 1e-2):
    """True if the rows have unit length and sum to zero, as far as half precision can tell."""
    weight = weight.float()
    return bool(((weight.norm(dim=-1) - 1).abs() < tol).all() and weight.sum(0).norm() < tol * len(weight) ** 0.5)
