"""Samplers: which images an epoch shows, and how often. They need torch only."""
from .adaptive import AccuracyDrivenSampler, MetaSampler
from .staged import StagedSampler
from .weighted import (
                       ClassBalancedSampler,
                       ClassCycleSampler,
                       ClassGroupSampler,
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
    'AccuracyDrivenSampler', 'ClassBalancedSampler', 'ClassCycleSampler', 'ClassGroupSampler', 'CurriculumSampler',
    'EffectiveNumberSampler', 'MetaSampler', 'PowerSampler', 'ProgressivelyBalancedSampler', 'RandomOverSampler',
    'RandomUnderSampler', 'ReversedSampler', 'SquareRootSampler', 'StagedSampler',
]
