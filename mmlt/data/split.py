"""Hold out images without tearing groups apart: bursts, tracks, patients, videos.  N images, K folds."""
import csv
import os
import re
from pathlib import Path
from typing import Any

import numpy as np


def read_groups(paths: Any, regex: Any = None, file: Any = None):
    """The group of each image, (N,) strings.

    Args:
        paths (list[str]): of the images, with ``/``, relative to the folder.
        regex (str): searched in each path; its captured parts, joined by ``/``, are the group.
        file (str): in place of it, a csv with the columns ``path`` and ``group``.

    Raises:
        ValueError: an image without a group, a regex that captures nothing or a csv without the columns.

    >>> read_groups(['cat/0007_1.png', 'cat/0007_2.png', 'eel/0008_1.png'], r'(\\d+)_').tolist()
    ['0007', '0007', '0008']
    """
    if (regex is None) == (file is None):
        raise ValueError('give either a regex or a csv of groups')
    if file is not None:
        with open(file, newline='', encoding='utf-8') as opened:
            reader = csv.DictReader(opened)
            if not {'path', 'group'} <= set(reader.fieldnames or ()):
                raise ValueError(f'{file} has the columns {reader.fieldnames}, expected path and group')
            known = {row['path']: row['group'] for row in reader}
        missing = [path for path in paths if path not in known]
        if missing:
            raise ValueError(f'{file} has no group for {len(missing)} of {len(paths)} images, as {missing[0]}')
        return np.array([known[path] for path in paths])
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise ValueError(f'{regex!r} is no regular expression: {error}') from None
    if not pattern.groups:
        raise ValueError(f'{regex!r} captures nothing; put what names the group in parentheses')
    groups = []
    for path in paths:
        found = pattern.search(path)
        if found is None:
            raise ValueError(f'{regex!r} does not match {path}; every image needs a group')
        groups.append('/'.join(part or '' for part in found.groups()))
    return np.array(groups)


def groups_of(dataset: Any, file: str):
    """The group of each image of an MMEngine data set, (N,) strings, by a csv as that of :func:`read_groups`.

    Raises:
        ValueError: an image without a path or a group.
    """
    root = getattr(dataset, 'data_root', None) or getattr(dataset, 'img_prefix', None) or ''
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    if not all('img_path' in info for info in infos):
        raise ValueError(f'{type(dataset).__name__} has images without a path, which {file} could not name')
    return read_groups([Path(os.path.relpath(info['img_path'], root or '.')).as_posix() for info in infos], file=file)


def group_folds(labels: np.ndarray, groups: np.ndarray | None = None, folds: int = 5, seed: int = 0):
    """The fold of each image, (N,) in [0, K): classes dealt evenly, no group in two folds. By scikit-learn's
    ``StratifiedGroupKFold``, without groups ``StratifiedKFold``.

    Raises:
        ValueError: fewer than two folds, or more than there are groups.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
    number = len(labels) if groups is None else len(set(np.asarray(groups).tolist()))
    if not 2 <= folds <= number:
        raise ValueError(f'{folds} folds of {number} {"images" if groups is None else "groups"}; expected at least 2, '
                         'at most one each')
    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(labels), np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='The least populated class')
        _check_sizes(labels, folds)
        for k, (_, held_out) in enumerate(splitter.split(np.zeros(len(labels)), labels, groups)):
            fold[held_out] = k
    return fold


def hold_out(labels: np.ndarray, groups: np.ndarray | None = None, share: float = 0.1, seed: int = 0):
    """Which images to hold out, (N,) bool: about ``share`` of every class, whole groups, and of no class all.

    The fold of :func:`group_folds` with round(1 / share) folds that comes nearest to the share of each class. A class
    that would be held out as a whole gets the images of its smallest group back.

    Raises:
        ValueError: a share outside (0, 0.5], too few images or groups for it.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f'the share to hold out must lie in (0, 0.5], got {share}')
    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    grouped = len(np.unique(groups)) < len(groups)
    fold = group_folds(labels, groups if grouped else None, round(1 / share), seed)
    sizes = np.bincount(labels)
    held = np.array([np.bincount(labels[fold == k], minlength=len(sizes)) for k in range(fold.max() + 1)])
    chosen = np.abs(held / np.maximum(sizes, 1) - share)[:, sizes > 0].mean(1).argmin()
    out = fold == chosen
    for c in np.flatnonzero((held[chosen] == sizes) & (sizes > 0)):
        mine = np.unique(groups[(labels == c) & out])
        if len(mine) and not ((labels == c) & ~out).any():
            out[groups == min(mine, key=lambda group: ((groups == group).sum(), group))] = False
    return out


def _check_sizes(labels, folds):
    largest = np.bincount(labels).max()
    if largest < folds:
        raise ValueError(f'the largest class has {largest} images, {folds} folds need as many; take fewer folds, or '
                         'hold out a larger share')
