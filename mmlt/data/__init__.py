"""Data: labels and class counts of any data set, samplers, long-tailed data sets."""
from .labels import class_counts, labels_of
from .ragged import Ragged
from .samplers import *  # noqa: F403
from .samplers import __all__ as _samplers

__all__ = ['Ragged', 'class_counts', 'labels_of', *_samplers]
