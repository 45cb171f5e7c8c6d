from .atomic_checkpoint import AtomicCheckpointHook
from .check_data import CheckDataHook
from .checked_load import CheckedLoadHook
from .class_accuracy import ClassAccuracyHook, MetaSamplerHook
from .class_counts import ClassCountsHook
from .class_levels import ClassLevelHook
from .expert_aggregation import ExpertAggregationHook
from .fast_loader import FastLoaderHook
from .fit_classifier import FitClassifierHook
from .max_norm import MaxNormHook
from .meta_weight import MetaWeightHook
from .partners import PartnerHook
from .prefix_checkpoint import PrefixCheckpointHook
from .random_state import RandomStateHook
from .record import RecordHook
from .stage_switch import StageSwitchHook
from .stop_on_nan import StopOnNaNHook
from .unlabelled import UnlabelledHook

__all__ = [
    'AtomicCheckpointHook', 'CheckDataHook', 'CheckedLoadHook', 'ClassAccuracyHook', 'ClassCountsHook',
    'ClassLevelHook', 'ExpertAggregationHook', 'FastLoaderHook', 'FitClassifierHook', 'MaxNormHook',
    'MetaSamplerHook', 'MetaWeightHook', 'PartnerHook', 'PrefixCheckpointHook', 'RandomStateHook', 'RecordHook',
    'StageSwitchHook', 'StopOnNaNHook', 'UnlabelledHook',
]
