"""Long-tailed visual recognition for MMPretrain, MMDetection, MMSegmentation and timm."""
from .registry import register_all

__version__ = '0.1.0'

register_all()
