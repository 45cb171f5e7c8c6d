from .class_counts import ClassCountsHook
from .max_norm import MaxNormHook
from .stage_switch import StageSwitchHook

__all__ = ['ClassCountsHook', 'MaxNormHook', 'StageSwitchHook']
