"""Adapters to MMPretrain."""
from ..registry import require

require('mmpretrain')

from .batch_former import BatchFormerClsHead  # noqa: E402
from .bilateral import BilateralBranchClassifier  # noqa: E402
from .class_token import ClassToken  # noqa: E402
from .contrastive import ContrastiveClassifier  # noqa: E402
from .depths import DepthExperts  # noqa: E402
from .distill import DistillClassifier  # noqa: E402
from .expert_router import ExpertRouterHook, RoutedExpertClassifier  # noqa: E402, F401
from .fixmatch import FixMatchClassifier  # noqa: E402
from .glmc import GLMCClassifier  # noqa: E402
from .gml import GMLClassifier  # noqa: E402
from .heads import *  # noqa: E402, F403
from .heads import __all__ as _heads  # noqa: E402
from .hybrid import HybridContrastClassifier  # noqa: E402
from .k_positive import KPositiveClassifier  # noqa: E402
from .lift import LIFTClassifier  # noqa: E402
from .multi_expert import (  # noqa: E402
    ExpertNetworks,
    MultiExpertBackbone,
    MultiExpertClsHead,
    MultiExpertResNet,
    MultiExpertResNetCIFAR32,
)
from .paco import PaCoClassifier  # noqa: E402
from .rare_samples import RSGClassifier  # noqa: E402
from .residual import ResidualBranches, ResidualClsHead  # noqa: E402
from .resnet10 import ResNet10  # noqa: E402
from .resnet_cifar import ResNetCIFAR32  # noqa: E402
from .rotation import RotationPretrain  # noqa: E402
from .timm_features import TimmFeatures  # noqa: E402
from .two_branches import TwoBranchBackbone  # noqa: E402
from .views import MultiViewDataPreprocessor  # noqa: E402

__all__ = [
    *_heads, 'BatchFormerClsHead', 'BilateralBranchClassifier', 'ClassToken', 'ContrastiveClassifier', 'DepthExperts',
    'DistillClassifier', 'ExpertNetworks', 'FixMatchClassifier', 'GLMCClassifier', 'GMLClassifier',
    'HybridContrastClassifier', 'KPositiveClassifier', 'LIFTClassifier', 'MultiExpertBackbone', 'MultiExpertClsHead',
    'MultiExpertResNet', 'MultiExpertResNetCIFAR32', 'MultiViewDataPreprocessor', 'PaCoClassifier', 'RSGClassifier',
    'ResNet10', 'ResNetCIFAR32', 'ResidualBranches', 'ResidualClsHead', 'RotationPretrain', 'RoutedExpertClassifier',
    'TimmFeatures', 'TwoBranchBackbone',
]
