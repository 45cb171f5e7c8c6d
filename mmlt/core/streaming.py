"""Parts of an epoch's list of indices, of the laws in ``sampling.py``: for lists too long to hold.

N images, C classes, n (C,) counts, B indices of a part. O(B + C) memory, and a part is the same whoever asks for it.
An index is a :class:`~mmlt.core.sampling.ClassIndex` or a :class:`~mmlt.core.block_index.BlockIndex`.
"""
from typing import Any

import numpy as np

from .permutation import PART, Permutations, permuted


def shuffled_part(size: int, begin: int, end: int, key: int):
    """Places ``begin`` to ``end`` of permutations of ``range(size)`` one after another."""
    images = np.empty(end - begin, np.int64)
    permutations = Permutations(size, key)
    for part in range(begin, end, PART):
        cycle, place = _divided(_range(part, min(part + PART, end)), size)
        images[part - begin:part - begin + PART] = permutations.at(place, cycle)
    return images


def drawn_part(index: Any, probabilities: np.ndarray, size: int, rng: np.random.Generator):
    """(B,): independent draws of a class by ``probabilities`` (C,), each with a uniform image of its class."""
    drawn = np.flatnonzero(probabilities)
    times = rng.multinomial(size, probabilities[drawn] / probabilities.sum())
    uniform = rng.random(size)
    uniform *= index.counts.numpy()[drawn].repeat(times)
    places = uniform.astype(np.uint32)
    del uniform
    places += index.start.numpy()[drawn].astype(np.uint32).repeat(times)
    places.sort()
    # shuffled by sorting random numbers; NumPy's own shuffle takes thrice the time
    keys = rng.integers(1 << 32, size=size, dtype=np.uint64)
    keys <<= np.uint64(32)
    keys |= index.at(places, rising=True).view(np.uint64)
    keys.sort()
    keys &= np.uint64(0xFFFFFFFF)
    return keys.view(np.int64)


def balanced_part(index: Any, begin: int, end: int, num_samples: int, key: int):
    """Places ``begin`` to ``end`` of ``num_samples`` indices with each class as often as any other, up to one; no image
    of a class comes again before all of it came."""
    present = np.flatnonzero(index.counts.numpy())
    present = present[permuted(np.arange(len(present)), len(present), key)]
    order = Permutations(num_samples, key)

    def classes_and_turns(begin, end):
        turn, which = _divided(order.at(_range(begin, end)), len(present))
        return which, turn

    return _in_cycles(index, present, classes_and_turns, begin, end, key)


def class_cycle_part(index: Any, begin: int, end: int, samples_per_class: int, key: int):
    """Places ``begin`` to ``end`` of classes in shuffled cycles, ``samples_per_class`` images at each visit from the
    class's own cycles."""
    present = np.flatnonzero(index.counts.numpy())
    order = Permutations(len(present), key)

    def classes_and_turns(begin, end):
        visit, step = _divided(_range(begin, end), samples_per_class)
        cycle, place = _divided(visit, len(present))
        return order.at(place, cycle), cycle * samples_per_class + step

    return _in_cycles(index, present, classes_and_turns, begin, end, key)


def _in_cycles(index, present, classes_and_turns, begin, end, key):
    """Of places ``begin`` to ``end`` the image number ``turn`` of its class, which shows its images in shuffled
    cycles."""
    counts, start = (x.numpy()[present].astype(np.uint32) for x in (index.counts, index.start))
    permutations, places = Permutations(counts, key ^ 1), np.empty(end - begin, np.uint32)
    for part in range(begin, end, PART):
        which, turn = classes_and_turns(part, min(part + PART, end))
        cycle, place = _divided(turn, counts[which])
        places[part - begin:part - begin + PART] = start[which] + permutations.at(place, cycle, which)
    return index.at(places)


def _range(begin, end):
    """(B,) of 32 bits, which divide in a tenth of the time, where these hold it."""
    return np.arange(begin, end, dtype=np.uint32 if end < 1 << 32 else np.int64)


def _divided(a, b):
    """a // b and what is left."""
    quotient = a // b
    return quotient, a - quotient * b
