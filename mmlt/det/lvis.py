"""LVIS's evaluation with the NumPy of today."""
from unittest.mock import patch

import numpy as np
from mmdet.evaluation import LVISMetric

__all__ = ['LongTailLVISMetric']


class _NumPy:
    """NumPy with the alias that version 1.24 dropped."""
    float = float

    def __getattr__(self, name):
        return getattr(np, name)


def numpy_with_float():
    """While it is entered, lvis 0.5.3 (the release on PyPI) finds ``np.float``, which its ``accumulate`` asks for.

    There is no public way: the name is written in the middle of ``LVISEval.accumulate``.
    """
    return patch('lvis.eval.np', _NumPy())


class LongTailLVISMetric(LVISMetric):
    """MMDetection's ``LVISMetric``, which fails at the end of an evaluation with lvis 0.5.3 and NumPy >= 1.24."""

    def compute_metrics(self, results):
        with numpy_with_float():
            return super().compute_metrics(results)
