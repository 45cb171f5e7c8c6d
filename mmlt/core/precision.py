"""What is computed in float32 or better."""
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def at_least_float32(x: Tensor):
    """Half precision to float32; float32 and float64 stay."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def unit(x: Tensor, eps: float = 1e-12) -> Tensor:
    """(..., D) -> (..., D): x / |x| in float32 or better. A vector shorter than ``eps`` stays as it is, so zero has a
    value and a gradient of order one (dividing by ``eps`` would give 1e12)."""
    x = at_least_float32(x)
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.where(norm > eps, norm, 1)


def no_autocast(x: Tensor) -> AbstractContextManager:
    """Computing in the tensors' own precision; the meta device has no autocast to switch off."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
