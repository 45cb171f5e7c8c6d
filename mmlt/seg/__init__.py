"""Adapters to MMSegmentation: losses of label maps, and a segmentor with any classifier layer.

The losses take the names of the classification losses: in MMSegmentation's scope ``dict(type='LogitAdjustLoss')`` is
the one of this package. Class counts are pixels; ``tools/count_classes.py`` counts them.
"""
from ..registry import require

require('mmseg')

from .contrast import ContrastSegmentor, GMLSegmentor  # noqa: E402
from .losses import *  # noqa: E402, F403
from .losses import __all__ as _losses  # noqa: E402
from .refused import *  # noqa: E402, F403
from .refused import __all__ as _refused  # noqa: E402
from .segmentors import LongTailCascadeEncoderDecoder, LongTailEncoderDecoder  # noqa: E402

__all__ = [
    *_losses, *_refused, 'ContrastSegmentor', 'GMLSegmentor', 'LongTailCascadeEncoderDecoder', 'LongTailEncoderDecoder',
]
