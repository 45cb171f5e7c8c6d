"""Permutations of any length below 2^32, one place at a time.  B places, S sizes."""
import numpy as np
from numpy.typing import ArrayLike

# odd: the golden ratio's and those of the finalisers of MurmurHash3, of 64 bits and of 32
MIX = np.array([0x9E3779B97F4A7C15, 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64)
MIX32 = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35], np.uint32)
PART = 1 << 16  # stays in the cache


def permuted(places: np.ndarray, size: int, key: int):
    """What a permutation of ``range(size)``, chosen by ``key``, has at ``places``: (B,) -> (B,) uint32, in O(B).

    >>> sorted(permuted(np.arange(5), 5, key=1).tolist())
    [0, 1, 2, 3, 4]
    """
    return Permutations(size, key).at(places)


class Permutations:
    """Permutations of ``range(n)`` for each n of ``sizes``, any number of each, a place at a time.

    A Feistel network on a grid of at least n cells; from one beyond n it goes on until it comes back (cycle walking:
    Black and Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002). Places and pairs of places come alike; of a
    few places not every order is as likely as any other.

    Args:
        sizes (int or (S,)): at least 1.
        key (int): at least 0, below 2^64.

    Raises:
        ValueError: a size of 2^32 or more.
    """

    def __init__(self, sizes: ArrayLike, key: int):
        sizes = np.atleast_1d(sizes).astype(np.int64)
        if sizes.max(initial=1) >= 1 << 32:
            raise ValueError(f'size must lie below 2**32, got {sizes.max()}')
        height = np.ceil(np.sqrt(sizes)).astype(np.int64)
        keys = (np.arange(1, len(sizes) + 1, dtype=np.uint64) * MIX[0] + np.uint64(key)) * MIX[1]
        keys = (keys ^ keys >> np.uint64(33)) * MIX[2]
        keys ^= keys >> np.uint64(29)
        self.rounds = 6 if sizes.min(initial=1 << 12) >= 1 << 12 else 12
        self.tables = [x.astype(np.uint32) for x in (
            sizes - 1, height, -(-sizes // height), keys, keys >> np.uint64(32))]

    def at(self, places: np.ndarray, numbers: np.ndarray | None = None, which: np.ndarray | None = None):
        """``places`` (B,) of permutation number ``numbers`` (B,), or 0, of size ``which`` (B,), or the first: (B,)
        uint32."""
        out = np.empty(len(places), np.uint32)
        for begin in range(0, len(places), PART):
            part = slice(begin, begin + PART)
            last, height, width, low, high = (x[:1] if which is None else x[which[part]] for x in self.tables)
            if numbers is not None:
                low = low + numbers[part].astype(np.uint32) * MIX32[0]
                low ^= low >> 15
                low *= MIX32[2]
                high = high + low
            out[part] = _walk(places[part].astype(np.uint32), last, (height, width, low, high), self.rounds)
        return out


def _walk(places, last, grid, rounds):
    values = _feistel(places, *grid, rounds)
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
