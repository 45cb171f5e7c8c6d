"""A classifier from class names.  C classes, P prompts, E width of text features, D width of the image tower."""
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F


@torch.no_grad()
def text_head(encode: Any, names: Any, prompts: Sequence[str] = ('a photo of a {}.', ), projection: Any = None):
    """(C, D) unit rows: the mean over the prompts of the unit text features, unit again, before CLIP's projection.

    LIFT's classifier reads the image tower's features before its projection (D, E), so that text features t become
    ``t projection^T`` (Shi et al., ICML 2024, arXiv:2309.10019). Underscores in names become spaces.

    Args:
        encode (callable): list of texts -> (len, E).
        names (sequence of str): C names.
        prompts (sequence of str): each with one ``{}``.
        projection (Tensor, optional): (D, E); without it the rows have the width E, for zero-shot heads.

    Raises:
        ValueError: no name, two alike, a prompt without ``{}``, or a projection of another width.

    >>> text_head(lambda texts: torch.eye(2)[:len(texts)], ['cat', 'dog'], ['{}']).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if not names or len(set(names)) < len(names):
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        raise ValueError(f'the class name {twice!r} stands there twice' if twice else 'there is no class name')
    if bad := [prompt for prompt in prompts if prompt.count('{}') != 1]:
        raise ValueError(f'the prompt {bad[0]!r} has no place for the class name; write one {{}}, "a photo of a {{}}."')
    total = 0.
    for prompt in prompts:
        total = total + F.normalize(encode([prompt.format(name.replace('_', ' ')) for name in names]).float(), dim=1)
    rows = F.normalize(total, dim=1)  # type: ignore[arg-type]
    return rows if projection is None else back_project(rows, projection)


def back_project(text: torch.Tensor, projection: torch.Tensor):
    """(C, E), (D, E) -> (C, D) unit rows: text features before CLIP's projection, see :func:`text_head`.

    Raises:
        ValueError: another width.
    """
    if projection.shape[1] != text.shape[1]:
        raise ValueError(f'the projection is {tuple(projection.shape)}, expected (D, {text.shape[1]}), the width of '
                         'the text features; take both from one model')
    return F.normalize(text @ projection.float().T, dim=1)


def read_text_head(path: str | os.PathLike, names: Any = None):
    """The dict that ``tools/text_head.py`` wrote: ``weight`` (C, D) and ``names``; where the tower has a projection
    ``text`` (C, E), ``projection`` (D, E) and ``scale`` as well.

    Args:
        names (sequence of str, optional): those of the data in the order of the labels; ``_`` and a space are alike.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else, other names, or these in another order.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} is missing; write it with tools/text_head.py')
    try:
        saved = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # whatever unpickling another kind of file raises
        saved = f'{type(error).__name__}: {error}'
    if not isinstance(saved, dict) or not {'weight', 'names'} <= saved.keys():
        raise ValueError(f'{path} has no weight and names; write it with tools/text_head.py')
    if names is None:
        return saved
    for c, (theirs, ours) in enumerate(zip(saved['names'], names, strict=False)):
        if theirs.replace('_', ' ') != ours.replace('_', ' '):
            raise ValueError(f'{path} has {theirs!r} as class {c}, the data {ours!r}; write it with the names in the '
                             'order of the labels')
    if len(names) != len(saved['names']):
        raise ValueError(f'{path} has {len(saved["names"])} class names, the data {len(names)}; write it with the '
                         'names of the data')
    return saved
