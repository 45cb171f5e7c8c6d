"""Permutations of any length, one place at a time.  B places."""
import numpy as np
from numpy.typing import ArrayLike

# odd, 64 bits: the golden ratio's, and those of the finaliser of SplitMix64
MIX = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
HALF = np.uint64(32)
PART = 1 << 14  # stays in the cache


def permuted(places: np.ndarray, size: ArrayLike, key: ArrayLike):
    """What a permutation of ``range(size)``, chosen by ``key``, has at ``places``: (B,) -> (B,) int64, in O(B).

    A Feistel network on a grid of at least ``size`` cells; from one beyond ``size`` it goes on until it comes back
    (cycle walking: Black and Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002). Places and pairs of places
    come alike; of a few places not every order is as likely as any other.

    Args:
        places: ndarray (B,) of ints in [0, size).
        size (int or (B,)): of the permutation each place belongs to.
        key (int or (B,)): at least 0, below 2^64.

    >>> sorted(permuted(np.arange(5), 5, key=1).tolist())
    [0, 1, 2, 3, 4]
    """
    places, size, key = (np.atleast_1d(x).astype(np.uint64) for x in (places, size, key))
    height = np.ceil(np.sqrt(size.astype(np.float64))).astype(np.uint64)
    width = (size + height - np.uint64(1)) // height
    rounds = 6 if size.min(initial=1) >= 1 << 12 else 12
    out = np.empty(len(places), np.uint64)
    for begin in range(0, len(places), PART):
        todo = slice(begin, begin + PART)
        values = places[todo]
        while len(values):
            limit, a, b, k = (x[todo] if len(x) > 1 else x for x in (size, height, width, key))
            values = _feistel(values, a, b, k, rounds)
            out[todo] = values
            outside = np.flatnonzero(values >= limit)
            todo = outside + begin if isinstance(todo, slice) else todo[outside]
            values = values[outside]
    return out.view(np.int64)


def _feistel(i, height, width, key, rounds):
    x = i // width
    y = i - x * width
    a, b = height, width
    for turn in range(1, rounds + 1):
        x += _hash(y, key, turn) * a >> HALF
        x -= a * (x >= a)
        x, y, a, b = y, x, b, a
    return x * width + y


def _hash(x, key, turn):
    """Of 32 bits."""
    h = x * MIX[1] + key
    h += np.uint64(turn * int(MIX[0]) % 2**64)
    h ^= h >> np.uint64(30)
    h *= MIX[1]
    h ^= h >> np.uint64(27)
    h *= MIX[2]
    return h >> HALF
