"""Second stages in seconds: classifiers refitted on cached features.

>>> import torch
>>> features, labels = torch.eye(3).repeat(20, 1), torch.arange(3).repeat(20)
>>> train = as_split(features, labels, num_classes=3)
>>> joint = linear(torch.zeros(3, 3))
>>> layer = METHODS['crt'].fit(train, joint, Recipe(epochs=20))
>>> evaluate(layer, train, class_counts=[20, 20, 20])['top1']
100.0
"""
from .fit import Recipe, Split, as_split, fit, linear, new_linear
from .grid import norm_scales, prior_shifts, sweep
from .methods import METHODS, class_hits
from .select import evaluate, select, stratified_folds, tuning_rounds

__all__ = ['METHODS', 'Recipe', 'Split', 'as_split', 'class_hits', 'evaluate', 'fit', 'linear', 'new_linear',
           'norm_scales', 'prior_shifts', 'select', 'stratified_folds', 'sweep', 'tuning_rounds']
