"""MaxNorm: keep classifier rows inside a ball.  C classes, D features.

Alshammari et al., CVPR 2022, arXiv:2203.14197.
"""
import torch
from torch import Tensor

from .checks import check_tensor


def max_norm_radius(weight: Tensor, share: float = 0.1) -> Tensor:
    """(C, D) -> scalar: min ||w|| + share * (max ||w|| - min ||w||)."""
    check_tensor('weight', weight, floating=True)
    if weight.ndim != 2 or not len(weight):
        raise ValueError(f'weight has shape {tuple(weight.shape)}, expected (C, D)')
    low, high = weight.norm(dim=1).aminmax()
    return low + share * (high - low)


def project_rows(weight: Tensor, radius: Tensor) -> Tensor:
    """(C, D), scalar -> (C, D): rows longer than ``radius`` are scaled back to it, the others unchanged.

    >>> project_rows(torch.tensor([[3., 4.], [.6, .8]]), 1.4)
    tensor([[0.8400, 1.1200],
            [0.6000, 0.8000]])
    """
    check_tensor('weight', weight, floating=True)
    if weight.ndim != 2:
        raise ValueError(f'weight has shape {tuple(weight.shape)}, expected (C, D)')
    norms = weight.norm(dim=1, keepdim=True)
    return torch.where(norms > radius, weight * (radius / norms.clamp_min(1e-12)), weight)
