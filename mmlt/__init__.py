"""Long-tailed visual recognition for MMPretrain, MMDetection, MMSegmentation and timm."""
from typing import TYPE_CHECKING

from .registry import register_all

if TYPE_CHECKING:
    from .core.swap import swap_classifier

__all__ = ['swap_classifier']
__version__ = '0.1.0'

register_all()


def __getattr__(name: str) -> object:
    """What needs torch comes when it is asked for: names and help of the command are shown at once."""
    if name == 'swap_classifier':
        from .core.swap import swap_classifier
        return swap_classifier
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
