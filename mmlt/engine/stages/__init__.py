"""Stages of a training: one file a part. No part depends on what another one does at the same time."""
from ..pipelines import StagedPipeline, leaf_datasets, shared_stage
from .batch_augments import BatchAugmentsPart
from .cam import CAMPart
from .freeze import FreezePart
from .loss import LossPart, StagedLoss
from .lr import LRPart
from .part import PARTS, StagePart, register
from .plan import StagePlan
from .rare_samples import RareSamplesPart
from .reinit import ReinitPart
from .sampler import SamplerPart
from .train_pipeline import PipelinePart

__all__ = [
    'PARTS', 'BatchAugmentsPart', 'CAMPart', 'FreezePart', 'LRPart', 'LossPart', 'PipelinePart', 'RareSamplesPart',
    'ReinitPart', 'SamplerPart', 'StagePart', 'StagePlan', 'StagedLoss', 'StagedPipeline', 'leaf_datasets', 'register',
    'shared_stage',
]
