"""LVIS's evaluation with the NumPy of today."""
from importlib.util import find_spec

import numpy as np


class _NumPy:
    """NumPy with the alias that version 1.24 dropped."""
    float = float

    def __getattr__(self, name):
        return getattr(np, name)


def mend_lvis():
    """Let lvis 0.5.3, the release on PyPI, find ``np.float``, without which it fails at the end of an evaluation."""
    if find_spec('lvis') and np.lib.NumpyVersion(np.__version__) >= '1.24.0':
        import lvis.eval
        lvis.eval.np = _NumPy()
