"""Adapters to MMPretrain."""
from .class_token import ClassToken
from .heads import *  # noqa: F403
from .heads import __all__ as _heads
from .resnet10 import ResNet10
from .resnet_cifar import ResNetCIFAR32

__all__ = [*_heads, 'ClassToken', 'ResNet10', 'ResNetCIFAR32']
