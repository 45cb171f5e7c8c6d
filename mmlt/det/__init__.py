"""Adapters to MMDetection's RoI heads: C foreground classes, the background last.

They take the names of the classification parts: in MMDetection's scope ``dict(type='EqualizationLossV2')`` is the one
of this package. Cosine and tau-normalised classifiers need no adapter.
"""
from ..registry import require

require('mmdet')

from .causal import CausalLinear  # noqa: E402
from .disalign import DisAlignLinear  # noqa: E402
from .group_softmax import BalancedGroupSoftmaxLoss  # noqa: E402
from .prior import BalancedSoftmaxLoss, LogitAdjustLoss  # noqa: E402
from .reweight import GeneralizedReweightLoss  # noqa: E402
from .sigmoid import AdaptiveClassSuppressionLoss, EqualizationLoss, EqualizationLossV2  # noqa: E402

__all__ = [
    'AdaptiveClassSuppressionLoss', 'BalancedGroupSoftmaxLoss', 'BalancedSoftmaxLoss', 'CausalLinear',
    'DisAlignLinear', 'EqualizationLoss', 'EqualizationLossV2', 'GeneralizedReweightLoss', 'LogitAdjustLoss',
]
