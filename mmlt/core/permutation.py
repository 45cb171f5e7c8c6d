"""Permutations of any length below 2^32, one place at a time.  B places."""
import numpy as np
from numpy.typing import ArrayLike

# odd: the golden ratio's and those of the finalisers of MurmurHash3, of 64 bits and of 32
MIX = np.array([0x9E3779B97F4A7C15, 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64)
MIX32 = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35], np.uint32)
PART = 1 << 16  # stays in the cache


def permuted(places: np.ndarray, size: ArrayLike, key: ArrayLike):
    """What a permutation of ``range(size)``, chosen by ``key``, has at ``places``: (B,) -> (B,) uint32, in O(B).

    A Feistel network on a grid of at least ``size`` cells; from one beyond ``size`` it goes on until it comes back
    (cycle walking: Black and Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002). Places and pairs of places
    come alike; of a few places not every order is as likely as any other.

    Args:
        places: ndarray (B,) of ints in [0, size).
        size (int or (B,)): of the permutation each place belongs to.
        key (int or (B,)): at least 0, below 2^64.

    Raises:
        ValueError: a size of 2^32 or more.

    >>> sorted(permuted(np.arange(5), 5, key=1).tolist())
    [0, 1, 2, 3, 4]
    """
    size, key = np.atleast_1d(size), np.atleast_1d(key)
    if size.max(initial=1) >= 1 << 32:
        raise ValueError(f'size must lie below 2**32, got {size.max()}')
    rounds = 6 if size.min(initial=1) >= 1 << 12 else 12
    out = np.empty(len(places), np.uint32)
    for begin in range(0, len(places), PART):
        part = slice(begin, begin + PART)
        n, k = (x[part] if len(x) > 1 else x for x in (size, key))
        out[part] = _permuted(places[part], n, k, rounds)
    return out


def _permuted(places, size, key, rounds):
    size = size.astype(np.int64)
    height = np.ceil(np.sqrt(size)).astype(np.int64)
    key = key.astype(np.uint64) * MIX[1]
    key = (key ^ key >> np.uint64(33)) * MIX[2]
    last, *grid = (x.astype(np.uint32) for x in (size - 1, height, -(-size // height), key, key >> np.uint64(32)))
    values = _feistel(places.astype(np.uint32), *grid, rounds)
    outside = np.flatnonzero(values > last)
    while len(outside):
        walked = _feistel(values[outside], *(x[outside] if len(x) > 1 else x for x in grid), rounds)
        values[outside] = walked
        outside = outside[walked > (last[outside] if len(last) > 1 else last)]
    return values


def _feistel(i, height, width, low, high, rounds):
    x = i // width
    y = i - x * width
    a, b = height, width
    for turn in range(rounds):
        x += _hash(y, (low if turn % 2 else high) + MIX32[:1] * np.uint32(turn), a)
        np.minimum(x, x - a, out=x)  # x - a where x has reached a: below, it wraps
        x, y, a, b = y, x, b, a
    x *= width
    x += y
    return x


def _hash(y, key, limit):
    """(B,) in [0, limit), limit at most 2^16: by 23 bits, that float32 holds them exactly and never rounds up to it."""
    h = y * MIX32[1]
    h += key
    h ^= h >> 15
    h *= MIX32[2]
    h >>= 9
    share = h.view(np.int32).astype(np.float32)
    share *= limit.astype(np.float32) * np.float32(2**-23)
    return share.astype(np.int32).view(np.uint32)
