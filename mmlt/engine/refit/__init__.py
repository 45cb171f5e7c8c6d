"""What mmlt refit stands on: a first stage with its cached features, of a config or of a model of timm."""
from .first_stage import FirstStage, bound_config, dataset_config, metric_settings
from .text import text_rows, zero_shot
from .timm_stage import TimmStage, timm_config

__all__ = ['FirstStage', 'TimmStage', 'bound_config', 'dataset_config', 'metric_settings', 'text_rows', 'timm_config',
           'zero_shot']
