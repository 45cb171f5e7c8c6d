"""Adapters and classifier without their base: what is saved, and upon which weights it fits."""
import hashlib

import torch
from torch import nn


def base_hash(model: nn.Module) -> str:
    """SHA-256 of the frozen weights, which adapters were trained upon."""
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        if not parameter.requires_grad:
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def adapter_state(model: nn.Module) -> dict:
    """``dict(base=hash, state={name: tensor})``: adapters and classifier alone, a few MB, for ``torch.save``."""
    state = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    return dict(base=base_hash(model), state=state)


def load_adapters(model: nn.Module, saved: dict) -> nn.Module:
    """Load what :func:`adapter_state` gave into a model on the same base weights, with the same kind of adapters.

    Raises:
        ValueError: another base, or other adapters; the first difference is named.
    """
    own = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if wrong := sorted(own.keys() ^ saved['state'].keys()):
        where = 'the file lacks' if wrong[0] in own else 'the model lacks'
        raise ValueError(f'{where} {wrong[0]}; add the adapters that the file was made with before loading it')
    for name, value in saved['state'].items():
        if value.shape != own[name].shape:
            raise ValueError(f'{name} is {tuple(value.shape)} in the file and {tuple(own[name].shape)} in the model')
    if saved['base'] != base_hash(model):
        raise ValueError('the adapters were trained on other base weights than the model has; load those first')
    with torch.no_grad():
        for name, value in saved['state'].items():
            own[name].copy_(value)
    return model
