"""Checks of constructor arguments. ``owner`` is the object under construction, whose class the error names."""
from numbers import Integral, Real


def check_range(owner, interval, /, **values):
    """Raise a ValueError unless every value is a number in ``interval``, such as ``'[0, 1)'``. NaN lies in none.

    >>> check_range(object(), '(0, inf)', scale=-30)
    Traceback (most recent call last):
    ValueError: object: scale must be a number in (0, inf), got -30
    """
    low, high = map(float, interval[1:-1].split(','))
    for name, value in values.items():
        inside = isinstance(value, Real) and low <= value <= high
        if not inside or (value == low and interval[0] == '(') or (value == high and interval[-1] == ')'):
            raise ValueError(f'{type(owner).__name__}: {name} must be a number in {interval}, got {value!r}')


def check_integer(owner, low, /, **values):
    """Raise a ValueError unless every value is an integer of at least ``low``."""
    for name, value in values.items():
        if not isinstance(value, Integral) or value < low:
            raise ValueError(f'{type(owner).__name__}: {name} must be an integer >= {low}, got {value!r}')
