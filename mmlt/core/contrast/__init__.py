"""Losses on features that compare images with each other, and what they need."""
from .balanced import BalancedContrastiveLoss
from .gaussian_mixture import GaussianMixtureLoss
from .k_positive import KPositiveLoss, TargetedContrastiveLoss
from .paco import PaCoLoss
from .proco import ProCoLoss
from .prototypical import PrototypicalContrastiveLoss
from .queue import ClassQueue, KeyQueue
from .schedule import cumulative_weight
from .supcon import SupConLoss

__all__ = [
    'BalancedContrastiveLoss', 'ClassQueue', 'GaussianMixtureLoss', 'KPositiveLoss', 'KeyQueue', 'PaCoLoss',
    'ProCoLoss', 'PrototypicalContrastiveLoss', 'SupConLoss', 'TargetedContrastiveLoss', 'cumulative_weight',
]
