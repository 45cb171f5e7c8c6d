"""tau-normalised classifier.  N batch, D in_features, C out_features."""
import torch
from torch import Tensor

from ..checks import check_range
from ..counts import ExactBuffers
from ..precision import at_least_float32
from .base import LinearClassifier


def tau_normalize(weight: Tensor, tau: float) -> Tensor:
    """(C, D) -> (C, D): rows divided by their norm to the power ``tau``."""
    norm = torch.linalg.vector_norm(at_least_float32(weight), dim=-1, keepdim=True)
    return weight / norm.clamp_min(1e-12) ** tau


class TauNormLinear(LinearClassifier, ExactBuffers):
    """tau-norm: ``z_c = w_c . x / |w_c|^tau``, without the bias. Kang et al., ICLR 2020, arXiv:1910.09217.

    ``tau=0`` is the joint classifier without its bias, ``tau=1`` forgets the norms. ``layer.tau = 0.7`` changes it at
    any time; it is a buffer, so a checkpoint keeps the value that was chosen.

    Raises:
        ValueError: a ``tau`` that is not finite.

    >>> layer = TauNormLinear(2, 3)
    >>> _ = layer.load_state_dict({'weight': torch.tensor([[3., 4.], [1., 0.], [.6, .8]])})
    >>> layer.tau = 0.5
    >>> layer(torch.tensor([[1., 2.]])).detach()
    tensor([[4.9193, 1.0000, 2.2000]])
    """

    def __init__(self, in_features: int, out_features: int, tau: float = 1.0, dim: int = -1):
        check_range(self, '(-inf, inf)', tau=tau)
        super().__init__(in_features, out_features, bias=False, dim=dim)
        self.register_buffer('tau', torch.tensor(float(tau), dtype=torch.float64))

    def __setattr__(self, name, value):
        if name == 'tau' and not isinstance(value, torch.Tensor):
            check_range(self, '(-inf, inf)', tau=value)
            value = torch.full_like(self.tau, value)
        super().__setattr__(name, value)

    def logits(self, x: Tensor) -> Tensor:
        return self.linear(x, tau_normalize(self.weight, self.tau).to(self.weight.dtype))
