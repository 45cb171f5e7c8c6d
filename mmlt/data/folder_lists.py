"""Long-tailed lists of a folder data set (one folder a class): ``path label`` a line, a hash for each list."""
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import write_text
from .longtail import check_sizes, largest_head, long_tail_counts, shuffled_classes

EXTENSIONS = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp')


def scan_folder(root: str | os.PathLike, track: Callable = iter):
    """Class names (C), sorted, and the images of each class as sorted paths relative to ``root``.

    ``track`` wraps the loop over the classes to show its progress. Hidden files and folders are skipped.

    Raises:
        ValueError: no class folders, a class folder without an image, or splits in the place of classes.
    """
    root = Path(root)
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith('.'))
    if len(classes) < 2:
        raise ValueError(f'{root} has {len(classes)} class folders, expected at least 2: root/<class>/<image>')
    if set(classes) <= {'train', 'val', 'valid', 'validation', 'test'}:
        raise ValueError(f'the folders of {root} are the splits {classes}, expected classes; try {root / "train"}')
    images = []
    for name in track(classes):
        found = []
        for folder, folders, files in os.walk(root / name, followlinks=True):
            folders[:] = [f for f in folders if not f.startswith('.')]
            found += [Path(folder, f).relative_to(root).as_posix() for f in files
                      if f.lower().endswith(EXTENSIONS) and not f.startswith('.')]
        if not found:
            raise ValueError(f'the class folder {root / name} holds no image ({" ".join(EXTENSIONS)}); move it away')
        images.append(sorted(found))
    return classes, images


def split_images(classes: Any, images: np.ndarray, imbalance: float = 100, kind: str = 'exp', seed: int = 0,
                 n_max: int | None = None, held_out: Any = ()):
    """Draw a long-tailed training list and balanced held-out lists.

    The profile runs over the classes by falling size, equal sizes by id, so that a set of any sizes can be thinned; the
    draw inside a class is that of :func:`mmlt.data.longtail.long_tail_indices`.

    Args:
        classes, images: C names and C lists of paths, as :func:`scan_folder` gives them.
        imbalance (float), kind (str), seed (int): see :func:`mmlt.data.longtail.long_tail_indices`.
        n_max (int, optional): images of the largest class; by default as many as all classes allow.
        held_out (dict): {name: images a class}, taken from what the training list leaves.

    Returns:
        dict: {'train': [(path, label), ...], name: [...]}, each sorted by class.

    Raises:
        ValueError: a class is too small, or a bad argument.
    """
    held_out = dict(held_out)
    if any(number < 1 for number in held_out.values()):
        raise ValueError(f'the number of held-out images must be positive, got {held_out}')
    reserved = sum(held_out.values())
    sizes = np.array([len(paths) - reserved for paths in images])
    order = np.argsort(-sizes, kind='stable')
    if sizes.min() < 1:
        c = order[-1]
        raise ValueError(f'class {classes[c]} has {len(images[c])} images, {reserved} are to be held out and the '
                         'training list needs one; hold out fewer')
    n_max = largest_head(sizes[order], imbalance, kind) if n_max is None else n_max
    counts = np.empty_like(sizes)
    counts[order] = long_tail_counts(n_max, len(classes), imbalance, kind)
    check_sizes(sizes[order], counts[order], imbalance, kind, [classes[c] for c in order])
    labels = np.repeat(np.arange(len(classes)), sizes + reserved)
    flat = [path for paths in images for path in paths]
    lists = {name: [] for name in ('train', *held_out)}
    for c, drawn in enumerate(shuffled_classes(labels, len(classes), seed)):
        drawn = [(flat[i], c) for i in drawn]
        lists['train'] += drawn[:counts[c]]
        for name, number in held_out.items():
            lists[name] += drawn[-number:]
            del drawn[-number:]
    return lists


def write_lists(out: str | os.PathLike, classes: Any, lists: Any, force: bool = False, **settings):
    """Write ``<name>.txt`` for each list, ``classes.txt`` and ``split.json`` into ``out``; return the json's content.

    The json holds the ``settings``, the training ``class_counts`` (so that a loss can read it) and for each list its
    length and the sha256 of its file. With ``force``, an old ``val.txt`` or ``test.txt`` that is not written
    anew is removed, as it would overlap the new training list.

    Raises:
        FileExistsError: a file is there already and ``force`` is False; nothing was written.
    """
    out = Path(out)
    texts = {f'{name}.txt': ''.join(f'{path} {label}\n' for path, label in rows) for name, rows in lists.items()}
    counts = np.bincount([label for _, label in lists['train']], minlength=len(classes)).tolist()
    summary = dict(settings, class_counts=counts, lists={
        name: dict(images=text.count('\n'), sha256=hashlib.sha256(text.encode()).hexdigest())
        for name, text in texts.items()})
    texts['classes.txt'] = ''.join(f'{name}\n' for name in classes)
    texts['split.json'] = json.dumps(summary, indent=1) + '\n'
    there = [name for name in dict.fromkeys([*texts, 'val.txt', 'test.txt']) if (out / name).exists()]
    if there and not force:
        raise FileExistsError(f'{out} already holds {", ".join(there)}; choose another folder or --force')
    out.mkdir(parents=True, exist_ok=True)
    for name in set(there) - set(texts):
        (out / name).unlink()
    for name, text in texts.items():
        write_text(out / name, text)
    return summary
