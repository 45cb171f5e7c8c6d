"""The losses of ``mmlt.core`` without a form for label maps, refused by name when a config is built."""
from ..core import losses
from . import losses as pixel_losses

__all__ = sorted(set(losses.__all__) - set(pixel_losses.__all__))


def _refusal(name):
    def refuse(*args, **kwargs):
        raise ValueError(f'{name} has no form for label maps: its statistics, features or experts are those of whole '
                         f'images; MMSegmentation takes {", ".join(pixel_losses.__all__)}')
    return refuse


globals().update({name: _refusal(name) for name in __all__})
