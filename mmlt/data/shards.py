"""Class-wise draws from WebDataset shards, tar files that are read from one end to the other.  C classes."""
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from ..core.checks import check_integer
from ..core.dist import rank_and_world_size
from ..core.files import write_text
from ..core.random import numpy_generator, shared_seed
from ..core.sampling import power_probabilities


def count_shards(urls: Iterable[str], field: str = 'cls', file: str | None = None):
    """Images of each class in each shard, read from the shards once: {url: {class: images}}.

    Args:
        urls: paths, or whatever the library ``webdataset`` opens.
        field (str): of a sample, with its class as a number.
        file (str, optional): where the result is written as JSON.
    """
    from webdataset import tarfile_samples

    index = {str(url): dict(Counter(int(sample[field]) for sample in tarfile_samples([dict(url=str(url))])))
             for url in urls}
    if file is not None:
        write_text(file, json.dumps(index))
    return index


class ClassShards(IterableDataset):
    """Draw class c in proportion to n_c^q, then its next image from its own shards, in shuffled order.

    The shards of a class come in shuffled cycles through a shuffle buffer, so that each of its images comes alike often
    in the long run. Draws follow from (seed, epoch, rank, worker); every worker reads shards of every class, one open
    file a class. A class has shards of its own: a shard is read to its end for each image of a rare class in it.

    Args:
        index (str or dict): of :func:`count_shards`, or its file.
        q (float): 1 as the data are, 0.5 square root, 0 class-balanced.
        num_samples (int, optional): samples of an epoch over all ranks; by default all images.
        seed (int, optional): by default rank 0 draws one for all ranks.
        buffer (int): samples of a class among which one is drawn.
        transform (callable, optional): of a sample, a dict of bytes by field.

    Raises:
        ValueError: a shard has images of several classes.
    """

    def __init__(self, index: str | dict, q: float = 0.0, num_samples: int | None = None, seed: int | None = None,
                 buffer: int = 100, transform: Callable[[dict], Any] | None = None):
        index = index if isinstance(index, dict) else json.loads(Path(index).read_text())
        self.urls, counts = {}, Counter()
        for url, classes in index.items():
            if len(classes) != 1:
                raise ValueError(f'{url} has images of {len(classes)} classes, expected one; write shards of one class')
            (name, n), = classes.items()
            self.urls.setdefault(int(name), []).append(url)
            counts[int(name)] += n
        self.counts = np.array([counts[c] for c in range(max(counts) + 1)])
        self.class_probabilities = power_probabilities(torch.from_numpy(self.counts), q)
        self.num_samples = int(self.counts.sum()) if num_samples is None else num_samples
        check_integer(self, 1, num_samples=self.num_samples, buffer=buffer)
        self.seed, self.buffer, self.transform = shared_seed() if seed is None else seed, buffer, transform
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0 on."""
        self.epoch = epoch

    def __len__(self):
        return self.num_samples

    def __iter__(self):
        (rank, world), worker = rank_and_world_size(), get_worker_info()
        stream = rank * (worker.num_workers if worker else 1) + (worker.id if worker else 0)
        streams = world * (worker.num_workers if worker else 1)
        rng = numpy_generator(self.seed, self.epoch, stream)
        sources = {c: self._images(c, numpy_generator(self.seed, self.epoch, stream, c)) for c in self.urls}
        for _ in range(stream, self.num_samples, streams):
            sample = next(sources[int(rng.choice(len(self.counts), p=self.class_probabilities.numpy()))])
            yield sample if self.transform is None else self.transform(sample)

    def _images(self, c, rng):
        """Samples of a class, without end."""
        from webdataset import shuffle, tarfile_samples

        urls = self.urls[c]
        cycles = (rng.permutation(len(urls)) for _ in iter(int, 1))
        samples = tarfile_samples(dict(url=urls[i]) for i in chain.from_iterable(cycles))
        size = min(self.buffer, int(self.counts[c]))
        return iter(shuffle(size, initial=size, rng=random.Random(int(rng.integers(1 << 62))))(samples))
