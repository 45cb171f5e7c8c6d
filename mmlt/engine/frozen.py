"""Modules that do not train."""
import hashlib

import torch
from torch import nn


class Frozen(nn.Module):
    """A module in eval mode and without gradient, whatever is asked of it. A deep copy, as EMA's, is itself."""

    def freeze(self):
        return self.eval().requires_grad_(False)

    def train(self, mode=True):
        return super().train(False)

    def __call__(self, *args, **kwargs):
        with torch.no_grad():
            return super().__call__(*args, **kwargs)

    def __deepcopy__(self, memo):
        return self


def digest(module, *settings) -> str:
    """sha256 of a module's state, in hexadecimals; ``settings`` enter by their repr."""
    result = hashlib.sha256(repr(settings).encode())
    for name, value in module.state_dict().items():
        result.update(name.encode())
        result.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return result.hexdigest()
