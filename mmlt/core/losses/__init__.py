"""Losses for long-tailed data: ``loss(logits (N, C), target (N,) or (N, C))``."""
from .clouded import GCLLoss
from .distill import BKDLoss, CBDLoss, DiVELoss, RIDEDistillLoss, XERMLoss
from .distribution_balanced import DistributionBalancedLoss
from .eqlv2 import EqualizationLossV2
from .equalization import EqualizationLoss, SoftmaxEqualizationLoss
from .excavation import SHIKELoss
from .experts import BalPoELoss, RIDELoss, SADELoss
from .focal import SoftmaxFocalLoss
from .group_softmax import BalancedGroupSoftmaxLoss
from .influence_balanced import InfluenceBalancedLoss
from .label_aware_smoothing import LabelAwareSmoothLoss
from .lade import LADELoss
from .ldam import LDAMLoss
from .meta_weight import MetaWeightLoss
from .nested import NCLLoss
from .prior import BalancedBCELoss, BalancedSoftmaxLoss, CDTLoss, LogitAdjustLoss, VSLoss
from .residual import ResLTLoss
from .reweight import ClassBalancedLoss, CostSensitiveLoss, GeneralizedReweightLoss, WeightedSoftmaxLoss
from .robust import DROLTLoss
from .seesaw import SeesawSoftmaxLoss
from .self_paced import LFMELoss
from .semantic import ISDALoss
from .suppression import AdaptiveClassSuppressionLoss

__all__ = [
    'AdaptiveClassSuppressionLoss', 'BKDLoss', 'BalPoELoss', 'BalancedBCELoss', 'BalancedGroupSoftmaxLoss',
    'BalancedSoftmaxLoss', 'CBDLoss', 'CDTLoss', 'ClassBalancedLoss', 'CostSensitiveLoss', 'DROLTLoss', 'DiVELoss',
    'DistributionBalancedLoss', 'EqualizationLoss', 'EqualizationLossV2', 'GCLLoss', 'GeneralizedReweightLoss',
    'ISDALoss', 'InfluenceBalancedLoss', 'LADELoss', 'LDAMLoss', 'LFMELoss', 'LabelAwareSmoothLoss', 'LogitAdjustLoss',
    'MetaWeightLoss', 'NCLLoss', 'RIDEDistillLoss', 'RIDELoss', 'ResLTLoss', 'SADELoss', 'SHIKELoss',
    'SeesawSoftmaxLoss', 'SoftmaxEqualizationLoss', 'SoftmaxFocalLoss', 'VSLoss', 'WeightedSoftmaxLoss', 'XERMLoss',
]
