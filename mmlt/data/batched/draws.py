"""Draws of whole batches.  B images, P numbers an image."""
from typing import Any

import numpy as np
import torch
from torch import Tensor


def uniforms(seed: int, epoch: int, positions: np.ndarray, count: int) -> np.ndarray:
    """(B,) places in the epoch's list of images over all ranks -> (B, count) float64 in [0, 1).

    A counter-based generator: each number is SplitMix64 (Steele et al., OOPSLA 2014) of (seed, epoch, position,
    column) alone, so that it does not matter which process draws it, or after what.

    >>> bool((uniforms(0, 3, np.arange(8), 2)[5:7] == uniforms(0, 3, np.arange(5, 7), 2)).all())
    True
    """
    key = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)
    counter = positions.astype(np.uint64)[:, None] * np.uint64(count) + np.arange(count, dtype=np.uint64)
    x = key + counter * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0 ** -53


def beside(x: Tensor, images: Tensor):
    """What was computed on the host, on the images' device, which does not stop for it."""
    return x.to(images.device, non_blocking=True)


def fill(images: Tensor, value: Any):
    """A number or one a channel, to broadcast against (B, C, H, W)."""
    return beside(torch.as_tensor(value, dtype=images.dtype), images).view(-1, 1, 1)
