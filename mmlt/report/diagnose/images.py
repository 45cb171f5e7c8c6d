"""What is wrong with the images themselves.  N images, F numbers of a small picture."""
import hashlib
import time
from dataclasses import dataclass, field

import numpy as np

from ..progress import silent

NEAR = 32  # of 256 bits: JPEG at quality 75 changes up to 28, different CIFAR-10 images differ in 82 and more
SIDE = 16


@dataclass
class Looked:
    """The images of a split that were opened, in their order: indices (n,), exact digests, perceptual hashes (n, 32)
    uint8, sizes (n, 2) as (width, height), small pictures (n, F), whether they show anything, and files that do not
    open."""
    index: list = field(default_factory=list)
    exact: list = field(default_factory=list)
    hashes: list = field(default_factory=list)
    sizes: list = field(default_factory=list)
    small: list = field(default_factory=list)
    flat: list = field(default_factory=list)
    broken: list = field(default_factory=list)
    total: int = 0


def look(split, seconds=5., seed=0, progress=silent):
    """Open images in an order that any part of is fair to, until the time is over.

    Half of the order draws classes evenly, so that the tail is looked at, too. ``progress`` is a function of what is
    done and which share of it.
    """
    import imagehash
    looked = Looked(total=len(split.labels) if len(split.items) else 0)
    begun = time.monotonic()
    for done, i in enumerate(_order(split.labels, seed) if looked.total else []):
        spent = time.monotonic() - begun
        if spent > seconds and done >= 50:
            break
        progress(f'opening {looked.total:,} images', min(max(spent / max(seconds, 1e-9), done / looked.total), 1.))
        try:
            image = split.image(i)
        except Exception as error:  # a decoder may raise anything on a damaged file
            looked.broken.append((int(i), f'{type(error).__name__}: {error}'.split('\n')[0]))
            continue
        small = np.asarray(image.resize((SIDE, SIDE)), np.float32) / 255
        looked.index.append(int(i))
        looked.exact.append(hashlib.sha1(np.asarray(image).tobytes()).digest())
        looked.hashes.append(np.packbits(imagehash.phash(image, hash_size=16).hash))
        looked.sizes.append(image.size)
        looked.small.append(small.ravel())
        looked.flat.append(small.std() < .02)
    return looked


def _order(labels, seed):
    rng = np.random.default_rng(seed)
    plain = rng.permutation(len(labels))
    weight = 1 / np.bincount(labels)[labels]
    even = rng.choice(len(labels), len(labels), replace=False, p=weight / weight.sum())
    return list(dict.fromkeys(np.stack([even, plain], 1).ravel().tolist()))


def duplicates(a, b=None, near=NEAR):
    """Pairs of images: [(i of a, j of b, 'exact' or 'near')]; within ``a`` if ``b`` is None.

    Near: perceptual hashes (DCT, 256 bits) that differ in at most ``near`` bits. Pictures of one colour, whose hashes
    mean nothing, are compared exactly only.
    """
    other = a if b is None else b
    first = {}
    for j, key in enumerate(other.exact):
        first.setdefault(key, []).append(j)
    pairs = {(i, j): 'exact' for i, key in enumerate(a.exact) for j in first.get(key, []) if b is not None or i < j}
    if a.hashes and other.hashes:
        x, y = (np.stack(part.hashes).view(np.uint64) for part in (a, other))
        flat = np.array(other.flat)
        words = y[:, :2].T.copy()
        for i, row in enumerate(x):
            if a.flat[i]:
                continue
            begin = 0 if b is not None else i + 1
            half = np.bitwise_count(row[:2, None] ^ words[:, begin:]).sum(0)
            maybe = np.flatnonzero(half <= near) + begin  # few of them: half of the bits tell most pictures apart
            close = maybe[(np.bitwise_count(row ^ y[maybe]).sum(1) <= near) & ~flat[maybe]]
            for j in close.tolist():
                pairs.setdefault((i, j), 'near')
    return [(a.index[i], other.index[j], kind) for (i, j), kind in sorted(pairs.items())]


def odd_sizes(looked, factor=6.):
    """[(index, width, height, why)] of images far from the others in size or shape, or tiny."""
    if len(looked.sizes) < 8:
        return []
    width, height = np.array(looked.sizes, float).T
    odd = []
    for values, why in ((np.log(width * height), 'size'), (np.log(width / height), 'shape')):
        middle = np.median(values)
        spread = max(np.median(np.abs(values - middle)) * 1.4826, .1)
        odd += [(looked.index[i], int(width[i]), int(height[i]), why)
                for i in np.flatnonzero(np.abs(values - middle) > factor * spread)]
    return odd
