"""Pixels of each class in a folder of label maps."""
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image


def pixel_counts(folder: str | os.PathLike, num_classes: int | None = None, reduce_zero_label: bool = False,
                 ignore_index: int = 255, suffix: str = '.png', names: Sequence[str] | None = None, workers: int = 4,
                 track: Callable | None = None):
    """Count the pixels of each class, with the labels that MMSegmentation trains on.

    Args:
        folder (str): holds the label maps, at any depth: images of one channel, grey or with a palette.
        num_classes (int, optional): C; by default the largest label + 1.
        reduce_zero_label (bool): label 0 is no class and the others move down by one, 255 stays.
        ignore_index (int): the label that is not counted, after ``reduce_zero_label``.
        suffix (str): how a label map's name ends, ``'_labelTrainIds.png'``.
        names (sequence of str, optional): count these files alone, names in ``folder`` without ``suffix``.
        workers (int): threads that read.
        track (callable, optional): ``track(iterable, total=n)`` shows the progress.

    Returns:
        ndarray (C,) int64.

    Raises:
        ValueError: no label map, one of several channels, or a label >= ``num_classes``; names the file.
        FileNotFoundError: one of ``names`` is missing.
    """
    folder = Path(folder)
    paths = sorted(folder.rglob(f'*{suffix}')) if names is None else [folder / f'{name}{suffix}' for name in names]
    if not paths:
        raise ValueError(f'{folder} holds no label map *{suffix}; check the folder and the suffix')
    total = np.zeros(num_classes or 0, np.int64)
    with ThreadPoolExecutor(workers) as pool:
        maps = pool.map(lambda path: _histogram(path, reduce_zero_label, ignore_index), paths)
        for counts, path in zip(track(maps, total=len(paths)) if track else maps, paths):
            if num_classes is not None and len(counts) > num_classes:
                raise ValueError(f'{path} holds the label {len(counts) - 1}, expected 0 .. {num_classes - 1} or '
                                 f'{ignore_index}; check num_classes, reduce_zero_label and ignore_index')
            if len(counts) > len(total):
                total = np.pad(total, (0, len(counts) - len(total)))
            total[:len(counts)] += counts
    if not total.sum():
        raise ValueError(f'every pixel in {folder} is ignored ({ignore_index}); there is nothing to count')
    return total


def _histogram(path, reduce_zero_label, ignore_index):
    """Counts of the labels of one map, up to the largest."""
    with Image.open(path) as image:
        if len(image.getbands()) != 1:
            raise ValueError(f'{path} has the channels {image.getbands()}, expected a label map of one channel')
        counts = np.bincount(np.asarray(image).ravel())
    if reduce_zero_label:
        counts = np.append(counts[1:], 0)
        if len(counts) > 255:  # 255 is no label that moves
            counts[[254, 255]] = 0, counts[254] + counts[255]
    if ignore_index >= 0:
        counts[ignore_index:ignore_index + 1] = 0
    return np.trim_zeros(counts, 'b')
