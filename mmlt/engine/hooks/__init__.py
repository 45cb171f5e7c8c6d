from .class_counts import ClassCountsHook
from .fit_classifier import FitClassifierHook
from .max_norm import MaxNormHook
from .prefix_checkpoint import PrefixCheckpointHook
from .stage_switch import StageSwitchHook

__all__ = ['ClassCountsHook', 'FitClassifierHook', 'MaxNormHook', 'PrefixCheckpointHook', 'StageSwitchHook']
