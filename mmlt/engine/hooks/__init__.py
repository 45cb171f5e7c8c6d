from .checked_load import CheckedLoadHook
from .class_counts import ClassCountsHook
from .fast_loader import FastLoaderHook
from .fit_classifier import FitClassifierHook
from .max_norm import MaxNormHook
from .partners import PartnerHook
from .prefix_checkpoint import PrefixCheckpointHook
from .record import RecordHook
from .stage_switch import StageSwitchHook

__all__ = ['CheckedLoadHook', 'ClassCountsHook', 'FastLoaderHook', 'FitClassifierHook', 'MaxNormHook', 'PartnerHook',
           'PrefixCheckpointHook', 'RecordHook', 'StageSwitchHook']
