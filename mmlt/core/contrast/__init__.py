"""Losses on features that compare images with each other, and what they need."""
from .balanced import BalancedContrastiveLoss
from .gaussian_mixture import GaussianMixtureLoss
from .proco import ProCoLoss
from .prototypical import PrototypicalContrastiveLoss
from .queue import ClassQueue
from .schedule import cumulative_weight
from .supcon import SupConLoss

__all__ = [
    'BalancedContrastiveLoss', 'ClassQueue', 'GaussianMixtureLoss', 'ProCoLoss', 'PrototypicalContrastiveLoss',
    'SupConLoss', 'cumulative_weight',
]
