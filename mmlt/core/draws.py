"""Random draws that a checkpoint continues."""
import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from .checks import check_integer


class Draws(nn.Module):
    """A generator for each training step, seeded from (seed, step, rank).

    The step is a persistent buffer with a copy on the host, so that no step reads the device.
    """

    def __init__(self, seed=0):
        check_integer(self, 0, seed=seed)
        super().__init__()
        self.seed = seed
        self._step = 0
        self.register_buffer('step', torch.zeros((), dtype=torch.int64))
        if 'generator' not in vars(Draws):  # not when the module is imported: this loads the compiler, a second
            Draws.generator = torch.compiler.disable(Draws._generator)

    def _generator(self, device):
        """The generator of this step on ``device``; the next call gives the next step's. A compiled graph ends here."""
        rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
        seed = np.random.SeedSequence((self.seed, self._step, rank)).generate_state(1)
        self._step += 1
        self.step += 1
        return torch.Generator(device).manual_seed(int(seed[0]))

    def _load_from_state_dict(self, *args):
        super()._load_from_state_dict(*args)
        self._step = int(self.step)
