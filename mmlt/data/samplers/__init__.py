"""Samplers: which images an epoch shows, and how often. They need torch only."""
from .staged import StagedSampler
from .weighted import (
                       ClassBalancedSampler,
                       ClassCycleSampler,
                       CurriculumSampler,
                       EffectiveNumberSampler,
                       PowerSampler,
                       ProgressivelyBalancedSampler,
                       RandomOverSampler,
                       RandomUnderSampler,
                       ReversedSampler,
                       SquareRootSampler,
)

__all__ = [
    'ClassBalancedSampler', 'ClassCycleSampler', 'CurriculumSampler', 'EffectiveNumberSampler',
    'PowerSampler', 'ProgressivelyBalancedSampler', 'RandomOverSampler', 'RandomUnderSampler', 'ReversedSampler',
    'SquareRootSampler', 'StagedSampler',
]
