"""Batch augmentations: tensors in and out, on the batch's device."""
from .cam import CAMForeground
from .cmo import ContextMinorityOversample
from .manifold import ManifoldMixup
from .remix import Remix
from .unimix import UniMix

__all__ = ['CAMForeground', 'ContextMinorityOversample', 'ManifoldMixup', 'Remix', 'UniMix']
