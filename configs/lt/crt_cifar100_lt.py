# Classifier re-training (cRT): the classifier anew, class-aware. Kang et al., ICLR 2020, arXiv:1910.09217.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('cifar100_lt', 'crt'))
