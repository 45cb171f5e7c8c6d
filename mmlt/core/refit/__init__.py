"""Second stages in seconds: classifiers refitted on cached features."""
from .fit import Recipe, Split, as_split, fit, linear, new_linear
from .methods import METHODS, class_hits
from .select import evaluate, select, stratified_folds, tuning_rounds
from .sweep import norm_scales, prior_shifts, sweep

__all__ = ['METHODS', 'Recipe', 'Split', 'as_split', 'class_hits', 'evaluate', 'fit', 'linear', 'new_linear',
           'norm_scales', 'prior_shifts', 'select', 'stratified_folds', 'sweep', 'tuning_rounds']
