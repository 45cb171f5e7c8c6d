"""The weight of the first of two branches."""
from math import cos, pi

SHAPES = {
    'parabolic': lambda t: 1 - t**2,
    'linear': lambda t: 1 - t,
    'cosine': lambda t: cos(pi / 2 * t),
    'fixed': lambda t: 0.5,
}


def cumulative_weight(epoch: float, max_epochs: float, shape: str = 'parabolic'):
    """alpha of BBN (Zhou et al., CVPR 2020, arXiv:1912.02413), Hybrid-SC and GLMC: from 1 to nearly 0.

    Args:
        epoch (int): 0-based.
        max_epochs (int): where alpha would be 0.
        shape (str): ``'parabolic'`` 1 - (t/T)^2, ``'linear'`` 1 - t/T, ``'cosine'`` cos(pi t / 2T), ``'fixed'`` 1/2.

    Raises:
        ValueError: an unknown shape, or an epoch outside [0, max_epochs], where alpha would leave [0, 1].

    >>> cumulative_weight(100, 200)
    0.75
    """
    if shape not in SHAPES:
        raise ValueError(f'shape={shape!r}; expected one of {", ".join(SHAPES)}')
    if not (max_epochs > 0 and 0 <= epoch <= max_epochs):
        raise ValueError(f'epoch {epoch} of max_epochs={max_epochs}: alpha would leave [0, 1]; set max_epochs to the '
                         'length of the run or more')
    return SHAPES[shape](epoch / max_epochs)
