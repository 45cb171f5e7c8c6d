"""Adapters to MMPretrain."""
from ..registry import require

require('mmpretrain')

from .class_token import ClassToken  # noqa: E402
from .distill import DistillClassifier  # noqa: E402
from .expert_router import ExpertRouterHook, RoutedExpertClassifier  # noqa: E402, F401
from .heads import *  # noqa: E402, F403
from .heads import __all__ as _heads  # noqa: E402
from .multi_expert import MultiExpertClsHead, MultiExpertResNet, MultiExpertResNetCIFAR32  # noqa: E402
from .resnet10 import ResNet10  # noqa: E402
from .resnet_cifar import ResNetCIFAR32  # noqa: E402

__all__ = [
    *_heads, 'ClassToken', 'DistillClassifier', 'MultiExpertClsHead', 'MultiExpertResNet', 'MultiExpertResNetCIFAR32',
    'ResNet10', 'ResNetCIFAR32', 'RoutedExpertClassifier',
]
