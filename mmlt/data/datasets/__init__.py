from .cifar import CIFAR10LT, CIFAR100LT
from .digits import DigitsLT
from .lists import ImageNetLT, INaturalist2018, PlacesLT
from .npz import NpzImages
from .subset import LongTailSubset

__all__ = ['CIFAR10LT', 'CIFAR100LT', 'DigitsLT', 'INaturalist2018', 'ImageNetLT', 'LongTailSubset', 'NpzImages',
           'PlacesLT']
