"""Long-tailed data sets. Those of MMPretrain's kind import it when they are first asked for."""
from importlib import import_module

from ...registry import require
from .pseudo import PseudoLabels
from .subset import LongTailSubset

_FILES = {'CIFAR10LT': 'cifar', 'CIFAR100LT': 'cifar', 'DigitsLT': 'digits', 'INaturalist2018': 'lists',
          'ImageNetLT': 'lists', 'InstanceAwareRepeatDataset': 'instance_repeat', 'NpzImages': 'npz',
          'PlacesLT': 'lists'}
__all__ = ['LongTailSubset', 'PseudoLabels', *_FILES]


def __getattr__(name):
    if name not in _FILES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    if name != 'InstanceAwareRepeatDataset':
        require('mmpretrain')
        import_module('mmpretrain.datasets')  # registers these in turn, so it comes before any of them
    return getattr(import_module(f'{__name__}.{_FILES[name]}'), name)
