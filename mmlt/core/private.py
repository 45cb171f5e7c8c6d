"""The private names of torch that mmlt cannot do without, each in one function that says why."""
from typing import Any

import torch
from torch import Tensor


def recomputing() -> bool:
    """True while a backward pass runs: a forward pass seen then is one that activation checkpointing repeats.

    No public function of torch tells. (``torch.utils.checkpoint`` has contexts for its own callers only.)

    Raises:
        RuntimeError: this torch lacks the private name.
    """
    return _private(torch._C, '_current_graph_task_id')() != -1


def standard_gamma(shape: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma(shape, 1) draws of the generator. ``torch.distributions.Gamma`` draws from the global one only.

    Raises:
        RuntimeError: this torch lacks the private name.
    """
    return _private(torch, '_standard_gamma')(shape, generator=generator)


def _private(owner: Any, name: str):
    function = getattr(owner, name, None)
    if function is None:
        raise RuntimeError(f'torch {torch.__version__} has no {owner.__name__}.{name}, which mmlt needs for want of a '
                           'public one; take a torch from 2.4 to 2.11, and report it')
    return function
