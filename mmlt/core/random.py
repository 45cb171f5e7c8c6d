"""Where random numbers come from: a generator for a key such as (seed, epoch, iteration, rank)."""
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from .checks import check_integer
from .dist import from_first, rank


def seeded_generator(*key: int, device: torch.device | str = 'cpu') -> torch.Generator:
    """Generator for a tuple of non-negative ints such as (seed, epoch); neighbouring keys share nothing."""
    # torch's CPU generator reads 32 bits of its seed
    return torch.Generator(device).manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


def numpy_generator(*key: int) -> np.random.Generator:
    """NumPy's generator for a tuple of non-negative ints such as (seed, epoch, block)."""
    return np.random.default_rng(key)


def plain_generator(seed: int, device: torch.device | str = 'cpu') -> torch.Generator:
    """Generator for one seed that no other draws share, as those that fill a queue or a fixed classifier."""
    return torch.Generator(device).manual_seed(seed)


@contextmanager
def global_seed(seed: int, device: torch.device | str = 'cpu') -> Iterator[None]:
    """torch's global generators start at ``seed``; afterwards they are as before. For code that draws from no other,
    such as ``reset_parameters``."""
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == 'cuda' else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def host_draws_kept() -> Iterator[None]:
    """Afterwards NumPy's and Python's global generators are as before."""
    numpys, pythons = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numpys)
        random.setstate(pythons)


def shared_seed() -> int:
    """A seed from the system, drawn by rank 0 for all ranks; no global generator moves."""
    return from_first(torch.Generator().seed() % 2 ** 31)


class Draws(nn.Module):
    """A generator for each training step, seeded from (seed, step, rank).

    The step is a persistent buffer with a copy on the host, so that no step reads the device.
    """

    generator: Callable[..., torch.Generator]

    def __init__(self, seed: int = 0):
        check_integer(self, 0, seed=seed)
        super().__init__()
        self.seed = seed
        self._step = 0
        self.register_buffer('step', torch.zeros((), dtype=torch.int64))
        if 'generator' not in vars(Draws):  # not when the module is imported: this loads the compiler, a second
            Draws.generator = torch.compiler.disable(Draws._generator)

    def _generator(self, device):
        """The generator of this step on ``device``; the next call gives the next step's. A compiled graph ends here."""
        generator = seeded_generator(self.seed, self._step, rank(), device=device)
        self._step += 1
        self.step += 1
        return generator

    def _load_from_state_dict(self, *args):
        super()._load_from_state_dict(*args)
        self._step = int(self.step)
