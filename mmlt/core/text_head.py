"""A classifier from class names.  C classes, P prompts, E width of text features, D width of the image tower."""
from collections.abc import Sequence
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
    if projection is None:
        return rows
    if projection.shape[1] != rows.shape[1]:
        raise ValueError(f'the projection is {tuple(projection.shape)}, expected (D, {rows.shape[1]}), the width of '
                         'the text features; take both from one model')
    return F.normalize(rows @ projection.float().T, dim=1)
