"""Long-tailed visual recognition for MMPretrain, MMDetection, MMSegmentation and timm."""
from .core.swap import swap_classifier
from .registry import register_all

__all__ = ['swap_classifier']
__version__ = '0.1.0'

register_all()
